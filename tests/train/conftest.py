"""A finished run that the tests of this room look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.runs import only_run, run_here, tiny


@pytest.fixture(scope="package")
def finished(sice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one finished run with the default logger, W&B offline."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("SICE_ROOT", "WANDB_MODE", "WANDB_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        assert run_here(monkeypatch, folder, *tiny(sice)) == 0
    return only_run(folder)
