"""A sweep that is continued: only what is left is run, no point twice, and another grid is told apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.helpers.runs import read_metrics, read_result, run_here, tiny
from zero_dce.files import read_json, write_json
from zero_dce.records.sweep import read_sweep
from zero_dce.sweep.launching.local import LOCK
from zero_dce.sweep.plan import new_jobs, place_jobs

GRID = ("+sweep=loss_weights", "loss.weights.exp=3,-1,10", "loss.weights.tv=200")


@pytest.fixture(scope="module")
def swept(sice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of three runs: one finished, one failed (a negative weight), one finished."""
    folder = tmp_path_factory.mktemp("swept")
    with pytest.MonkeyPatch.context() as patch:
        assert run_here(patch, folder, *tiny(sice, *GRID, "logger=csv", "hydra.sweep.dir=sweep")) == 1
    return folder / "sweep"


@pytest.fixture
def sweep(swept: Path, tmp_path: Path) -> Path:
    """The same, with the last run stopped at step 2 as a kill would."""
    folder = Path(shutil.copytree(swept, tmp_path / "sweep"))
    checkpoints = folder / "2" / "checkpoints"
    (checkpoints / "step-000004.ckpt").unlink()
    shutil.copyfile(checkpoints / "step-000002.ckpt", checkpoints / "last.ckpt")
    (folder / "2" / "result.json").unlink()
    return folder


def states(folder: Path) -> list[str]:
    return [row["state"] for row in read_sweep(folder)]


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


def test_the_grid_may_be_given_again(sice: Path, sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another order, too."""
    shuffled = ("+sweep=loss_weights", "loss.weights.exp=10,3,-1", "loss.weights.tv=200")
    assert run_here(monkeypatch, sweep.parent, *tiny(sice, *shuffled, "logger=csv", "resume=sweep")) == 1
    assert states(sweep) == ["finished", "failed", "finished"]
    assert [row["point"] for row in read_sweep(sweep)] == ["exp=3", "exp=-1", "exp=10"]


def test_failed_runs_are_tried_again_where_asked(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (sweep / "1" / ".hydra" / "hydra.yaml").stat().st_mtime_ns
    assert run_here(monkeypatch, sweep.parent, "resume=sweep", "hydra.launcher.retry_failed=true") == 1
    assert states(sweep) == ["finished", "failed", "finished"], "a negative weight fails again"
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


def test_a_sweep_that_is_run_already_is_refused(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FileLock(sweep / LOCK):
        assert run_here(monkeypatch, sweep.parent, "resume=sweep") == 1
    assert "is being run by another process" in capsys.readouterr().err
    assert states(sweep) == ["finished", "failed", "unfinished"]


def test_a_larger_grid_adds_runs(
    sice: Path, sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    larger = ("+sweep=loss_weights", "loss.weights.exp=3,30", "loss.weights.tv=200")
    assert run_here(monkeypatch, sweep.parent, *tiny(sice, *larger, "logger=csv", "resume=sweep")) == 0
    printed = capsys.readouterr().out
    assert "This grid has 1 new points: runs 3 to 3." in printed
    assert "2 runs of the sweep are not in this grid and stay as they are." in printed
    assert states(sweep) == ["finished", "failed", "unfinished", "finished"]
    assert read_result(sweep / "3")["name"] == "exp=30"


@pytest.mark.parametrize("overrides", [("trainer.max_steps=6",), ("seed=1",), ("loss.weights.exp=4,5",)])
def test_another_grid_is_another_sweep(
    overrides: tuple[str, ...],
    sice: Path,
    sweep: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = (sweep / "sweep.json").read_text()
    assert run_here(monkeypatch, sweep.parent, *tiny(sice, *GRID, "logger=csv", "resume=sweep", *overrides)) == 1
    assert "no run of" in capsys.readouterr().err
    assert (sweep / "sweep.json").read_text() == plan
    assert states(sweep) == ["finished", "failed", "unfinished"]


def test_other_data_is_told_apart(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = read_json(sweep / "sweep.json")
    given = [text for text in plan["overrides"] if not text.startswith("data")]
    write_json(sweep / "sweep.json", {**plan, "overrides": given, "data": "sice"})
    assert run_here(monkeypatch, sweep.parent, "resume=sweep") == 1
    assert "was begun with data=sice and now data=sample is chosen" in capsys.readouterr().err


def test_places_of_jobs(tmp_path: Path) -> None:
    jobs = [["a=1", "b=2"], ["a=2", "b=2"], ["a=1", "b=2"]]
    write_json(tmp_path / "sweep.json", {"jobs": jobs})
    assert place_jobs(tmp_path, jobs[::-1], 0, new=True) == [0, 1, 2], "a new sweep takes over the real order"
    assert read_json(tmp_path / "sweep.json")["jobs"] == jobs[::-1]
    assert place_jobs(tmp_path, [["b=2", "a=2"], ["a=1", "b=2"], ["a=1", "b=2"]], 0, new=False) == [1, 0, 2]
    assert read_json(tmp_path / "sweep.json")["jobs"] == jobs[::-1], "jobs of a continued one may be in a queue"
    assert new_jobs(jobs, [["a=1", "b=2"], ["b=2", "a=1"], ["a=1", "b=2"], ["a=3"]]) == [["a=1", "b=2"], ["a=3"]]
