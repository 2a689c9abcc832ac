"""Which runs of a continued sweep are left to do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.launching import states
from tests.helpers.runs import read_metrics, read_result, run_here
from zero_dce.files import read_json
from zero_dce.sweep.launching.job import RunError, SweepRun


def began(folder: Path, run: int) -> float:
    return float(read_result(folder / str(run))["training_began"])


def test_only_what_is_left_is_run(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = began(sweep, 0)
    whole = read_metrics(sweep / "2")
    assert run_here(monkeypatch, sweep.parent, "resume=sweep") == 1, "one run has failed"
    printed = capsys.readouterr()
    assert states(sweep) == ["finished", "failed", "finished"]
    assert began(sweep, 0) == first, "a finished run is not run again"
    assert read_metrics(sweep / "2") == whole, "continued from step 2 to the same end"
    assert len(read_json(sweep / "2" / "environment.json")["resumed"]) == 1
    assert "1 failed, 1 finished, 1 unfinished" in printed.out
    assert "hydra.launcher.retry_failed=true runs them again" in printed.out
    assert "Run 1 of 1 ended" in printed.out
    assert len(list(sweep.glob("[0-9]*"))) == 3
    assert read_result(sweep / "2")["name"] == "exp=10"


def test_failed_runs_are_tried_again_where_asked(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (sweep / "1" / ".hydra" / "hydra.yaml").stat().st_mtime_ns
    assert run_here(monkeypatch, sweep.parent, "resume=sweep", "hydra.launcher.retry_failed=true") == 1
    assert states(sweep) == ["finished", "failed", "finished"], "a loss beyond float32 fails again"
    assert (sweep / "1" / ".hydra" / "hydra.yaml").stat().st_mtime_ns > before


def test_a_run_that_had_no_checkpoint_is_begun_anew(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(sweep / "2" / "checkpoints")
    assert run_here(monkeypatch, sweep.parent, "resume=sweep") == 1
    assert read_result(sweep / "2")["last_step"] == 4
    assert "resumed" not in read_json(sweep / "2" / "environment.json")


def test_a_run_stopped_at_its_very_end_is_finished(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last checkpoint is there, its result is not: nothing is left to train."""
    before = read_result(sweep / "0")
    (sweep / "0" / "result.json").unlink()
    assert run_here(monkeypatch, sweep.parent, "resume=sweep") == 1, "another run has failed"
    after = read_result(sweep / "0")
    assert states(sweep) == ["finished", "failed", "finished"]
    assert after["last_step"] == 4
    assert after["measures"]["val/exp"] == pytest.approx(before["measures"]["val/exp"])
    assert not (sweep / "0" / ".hydra_resumed").exists()


def test_the_command_line_of_a_run(tmp_path: Path) -> None:
    run = SweepRun(3, ("seed=1",), tmp_path)
    place = ["hydra.mode=RUN", f'hydra.run.dir="{tmp_path}"', "hydra.job.num=3"]
    assert run.arguments(["--config-name", "x"]) == ["--config-name", "x", "seed=1", *place]
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    resumed = [f'resume="{tmp_path}"', "hydra.output_subdir=.hydra_resumed"]
    assert run.arguments([]) == ["seed=1", *resumed, *place]
    other = ["hydra.job.name=train_rank_1", "hydra.output_subdir=null"]
    assert run.arguments([], rank=1) == ["seed=1", resumed[0], *place, *other]


def test_a_failure_is_recorded_and_returned(tmp_path: Path) -> None:
    run = SweepRun(3, ("seed=1",), tmp_path)
    run.record_failure("killed")
    assert read_result(tmp_path) == {
        "name": None,
        "weights": None,
        "measures": {},
        "last_step": 0,
        "state": "failed",
        "error": "killed",
    }
    run.record_failure("process 1 ended")
    assert read_result(tmp_path)["error"] == "process 1 ended; killed", "what the run itself said is kept"
    with pytest.raises(RunError, match="run 3 failed: process 1 ended; killed"):
        _ = run.job_return().return_value
