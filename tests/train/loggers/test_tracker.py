"""What trackers share; a whole run with each is in the tests of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.processes import run_on_two
from tests.helpers.runs import tiny
from tests.helpers.trackers import (
    assert_whole,
    mlflow_client,
    mlflow_run,
    read_mlflow,
    read_tensorboard,
    read_trackio,
)
from tests.train.loggers.conftest import Resumed
from zero_dce.train.loggers.tracker import (
    Picture,
    StepRows,
    flat,
    logged_steps,
    read_id,
    read_ids,
    sample_key,
    saved_pictures,
    write_id,
)


class Kept(StepRows):
    """Keeps what it is sent."""

    service = "The list"
    name = version = ""

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.first, self.rows, self.state = first, list[tuple[int, dict[str, Any]]](), ""

    @property
    def starting_step(self) -> int:
        return self.first

    def send_row(self, step: int, row: Mapping[str, Any]) -> None:
        self.rows.append((step, dict(row)))

    def end(self, state: str) -> None:
        self.state = state

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """It has no configuration."""


PICTURE = Picture(np.zeros((2, 3, 3), np.uint8), "black")


def test_a_row_a_step_with_its_pictures() -> None:
    kept = Kept()
    kept.log_pictures(0, {"samples/00": PICTURE})
    kept.log_metrics({"train/exp": 1.0}, 2)
    kept.log_metrics({"val/exp": 3.0}, 2)
    kept.log_pictures(2, {"samples/00": PICTURE})
    assert kept.rows == [(0, {"samples/00": PICTURE})], "a row is sent when the next one begins"
    kept.close("finished")
    assert kept.rows[1:] == [(2, {"train/exp": 1.0, "val/exp": 3.0, "samples/00": PICTURE})]
    assert kept.state == "finished"


@pytest.mark.parametrize(("keeps", "rows"), [(True, []), (False, [(2, {"a": 1.0})])])
def test_a_row_that_a_stop_may_have_cut_is_kept_back(keeps: bool, rows: list[Any]) -> None:
    kept = Kept()
    kept.keeps_rows = keeps
    kept.log_metrics({"a": 1.0}, 2)
    kept.close("failed")
    assert kept.rows == rows
    assert kept.state == "failed"


def test_replay_sends_what_is_missing_up_to_the_checkpoint(tmp_path: Path) -> None:
    kept = Kept(first=2)
    kept.replay({step: {"a": float(step)} for step in range(6)}, tmp_path, until=3)
    kept.log_metrics({"a": 40.0}, 4)
    kept.close("finished")
    assert kept.rows == [(2, {"a": 2.0}), (3, {"a": 3.0}), (4, {"a": 40.0})]


def test_what_is_there_already_stays_and_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(first=6)
    kept.replay({1: {"a": 1.0}}, tmp_path, until=3)
    kept.log_metrics({"a": 50.0}, 5)
    kept.log_metrics({"a": 60.0}, 6)
    kept.close("finished")
    assert kept.rows == [(6, {"a": 60.0})]
    assert "The list has steps 4 to 5 from before the run was stopped, and keeps them" in caplog.text


def test_a_configuration_by_the_names_of_the_command_line() -> None:
    settings = {"loss": {"exp": {"target": 0.6}, "x": {}}, "on": True, "no": None, "dirs": ["left", "up"]}
    assert flat(settings) == {
        "loss.exp.target": "0.6",
        "loss.x": "{}",
        "on": "true",
        "no": "null",
        "dirs": "[left, up]",
    }


def test_ids(tmp_path: Path) -> None:
    assert read_id(tmp_path / "id.txt") is None
    write_id(tmp_path / "id.txt", "abc")
    assert read_id(tmp_path / "id.txt") == "abc"


@pytest.mark.slow
def test_one_of_several_processes_logs(sice: Path, tmp_path: Path) -> None:
    options = tiny(sice, "logger=[mlflow,trackio,tensorboard]", "trainer=ddp", "trainer.devices=2")
    codes, printed = run_on_two(tmp_path, [*options, "hydra.run.dir=two/0"])
    assert codes == [0, 0], printed
    run = tmp_path / "two" / "0"
    client = mlflow_client(run.parent)
    (found,) = client.search_runs([mlflow_run(run.parent, run).info.experiment_id])
    for tracked in (
        read_mlflow(client, found.info.run_id, tmp_path / "mlflow"),
        read_trackio(run),
        read_tensorboard(run),
    ):
        assert_whole(tracked, run, [0, 2, 4])


@pytest.mark.slow
def test_several_at_once(resumed: Resumed) -> None:
    """And none of them says anything, or opens a connection: the fixture forbids it."""
    assert {"mlflow_id.txt", "trackio_id.txt", "tensorboard"} <= {file.name for file in resumed.run.iterdir()}
    for word in ("mlflow", "alembic", "trackio", "git", "arning"):
        assert word not in resumed.printed.replace(str(resumed.folder), ""), resumed.printed
    assert logged_steps({}, resumed.run) == [0, 2, 4, 6]
    assert list(saved_pictures(resumed.run, 4)) == [sample_key("00"), sample_key("01")]


@pytest.mark.parametrize(
    "content", [b"", b"../../x", b"a/b", b"a[b]", b"*", b"\xff", b"a" * 200, b"a\0", b"1\n2\n.", b"%2e"]
)
def test_what_is_no_id_is_refused(content: bytes, tmp_path: Path) -> None:
    """Services make folders and addresses of ids, and a run's folder may be somebody else's."""
    (tmp_path / "id").write_bytes(content)
    for read in (read_id, read_ids):
        with pytest.raises(ValueError, match=rf"{re.escape(str(tmp_path / 'id'))} holds no id of a run"):
            read(tmp_path / "id")


def test_one_id_or_several(tmp_path: Path) -> None:
    assert (read_id(tmp_path / "id"), read_ids(tmp_path / "id")) == (None, [])
    write_id(tmp_path / "id", "a-1_B")
    assert (read_id(tmp_path / "id"), read_ids(tmp_path / "id")) == ("a-1_B", ["a-1_B"])
    for taken in ("exp.1", "lowlight v2", "ä;b"):
        write_id(tmp_path / "id", taken)
        assert (read_id(tmp_path / "id"), read_ids(tmp_path / "id")) == (taken, [taken])
    write_id(tmp_path / "id", "a\nb")
    assert read_ids(tmp_path / "id") == ["a", "b"]
    with pytest.raises(ValueError, match="holds 2 ids of a run; expected one"):
        read_id(tmp_path / "id")
