"""The store on disk of a process that was killed while MLflow made its tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from sqlalchemy.exc import OperationalError

from zero_dce.train.loggers.mlflow_store import SQLITE_FILES, ensure_store

pytestmark = pytest.mark.slow
MAKING = "mlflow.store.db.utils._upgrade_db"


def test_a_store_that_was_half_made_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    # What SQLite may have left of the killed process.
    for part in SQLITE_FILES:
        file.with_name(f"mlflow.db.unfinished{part}").write_bytes(b"a part")
    ensure_store(file)
    assert [found.name for found in tmp_path.iterdir()] == ["mlflow.db"]
    client = MlflowClient(f"sqlite:///{file}")
    run = client.create_run(client.create_experiment("today"))
    ensure_store(file)
    assert client.get_run(run.info.run_id).info.run_id == run.info.run_id, "one that is there stays"


@pytest.mark.parametrize(
    ("error", "told", "message"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt, "^$"),
        (OperationalError("CREATE TABLE a", None, Exception("disk I/O error")), OSError, r"mlflow\.db cannot be made"),
    ],
)
def test_nothing_has_the_name_until_the_tables_are_there(
    error: BaseException,
    told: type[BaseException],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(MAKING, fail)
    with pytest.raises(told, match=message):
        ensure_store(tmp_path / "mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()
