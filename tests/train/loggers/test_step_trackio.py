"""Trackio's store, read back with Trackio's own interface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.trackers import assert_whole, read_trackio, trackio_run
from tests.train.loggers.conftest import Resumed
from zero_dce.train.loggers.step_trackio import StepTrackioLogger
from zero_dce.train.loggers.tracker import Picture


def logger(run: Path) -> StepTrackioLogger:
    run.mkdir(parents=True, exist_ok=True)
    project = f"{run.parent.parent.name}/{run.parent.name}"
    return StepTrackioLogger(project, "exp=3 tv=200", str(run / "trackio_id.txt"), ["NOT SICE"])


@pytest.mark.slow
def test_a_resumed_run_is_whole(resumed: Resumed) -> None:
    assert resumed.trackio_alerts == [("run interrupted", "warn")]
    assert_whole(read_trackio(resumed.run), resumed.run, [0, 2, 4, 6])
    run = trackio_run(resumed.run)
    assert run.name == "today"
    assert run.config["loss"]["weights"]["exp"] == 10
    assert run.config["trainer"]["max_steps"] == 6
    assert run.config["tags"] == ["SICE", "loss-official"]
    assert sorted(alert["title"] for alert in run.alerts()) == ["run finished", "run interrupted"]


def test_runs_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    """As of two sweeps whose folders have one name; the second is resumed."""
    for number, value in (("0", 1.0), ("1", 2.0), ("1", 3.0)):
        one = logger(tmp_path / "today" / number)
        one.log_hyperparams({"seed": 0})
        assert one.starting_step == (2 if value == 3.0 else 0)
        one.log_metrics({"train/exp": value}, 1)
        one.log_metrics({"train/exp": value}, 2 if value == 3.0 else 1)
        one.close("finished")
    found = [read_trackio(tmp_path / "today" / number).numbers for number in ("0", "1")]
    assert found == [[(1, "train/exp", 1.0)], [(1, "train/exp", 2.0), (2, "train/exp", 3.0)]]


def test_the_id_is_kept_before_the_run_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the process is killed in between: the next one would begin a second run beside an empty one."""

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    run = tmp_path / "today" / "0"
    with monkeypatch.context() as patch:
        patch.setattr("zero_dce.train.loggers.step_trackio._LocalRun", die)
        with pytest.raises(KeyboardInterrupt):
            logger(run).log_hyperparams({"seed": 0})
    run_id = (run / "trackio_id.txt").read_text().strip()
    again = logger(run)
    again.log_hyperparams({"seed": 0})
    assert again.version == run_id
    again.close("finished")


def test_a_failed_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = logger(tmp_path / "failed" / "0")
    one.close("failed")
    one.log_hyperparams({"seed": 0})
    one.log_pictures(0, {"samples/00": Picture(np.full((2, 3, 3), 7, np.uint8), "step 0 · grey")})
    one.log_metrics({"train/exp": float("nan")}, 1)
    one.log_metrics({"train/exp": 1.0}, 2)
    one.close("failed")
    tracked = read_trackio(tmp_path / "failed" / "0")
    assert [(step, key) for step, key, _ in tracked.numbers] == [(1, "train/exp")]
    assert np.isnan(tracked.numbers[0][2])
    assert np.array_equal(tracked.pictures[0][2], np.full((2, 3, 3), 7))
    (alert,) = trackio_run(tmp_path / "failed" / "0").alerts()
    assert (alert["title"], alert["level"]) == ("run failed", "error")
    assert capsys.readouterr() == ("", "")


def test_a_name_that_trackio_keeps_for_itself(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reserved"):
        StepTrackioLogger("registry-today", "a", str(tmp_path / "id.txt"), [])
