"""How a sweep begins, and how one is continued: another grid is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.launching import states
from tests.helpers.runs import read_result, run_here, tiny
from tests.sweep.conftest import GRID
from zero_dce.files import read_json, write_json
from zero_dce.records.sweep import read_sweep


def test_the_grid_may_be_given_again(sice: Path, sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another order, too."""
    shuffled = ("+sweep=loss_weights", "loss.weights.exp=10,3,1e39", "loss.weights.tv=200")
    assert run_here(monkeypatch, sweep.parent, *tiny(sice, *shuffled, "logger=csv", "resume=sweep")) == 1
    assert states(sweep) == ["finished", "failed", "finished"]
    assert [row["point"] for row in read_sweep(sweep)] == ["exp=3", "exp=1e+39", "exp=10"]


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


@pytest.mark.slow
def test_runs_beside_the_grid_are_as_any_other(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also those that fail, those that were stopped, and those that a continued sweep gets."""
    grid = ("+sweep=loss_weights", "hydra/sweeper=grid", "loss.weights.exp=3,10", "loss.weights.tv=200", "logger=csv")
    beside = "hydra.sweeper.also=[{model.init:identity},{loss.weights.exp:1e39,loss.weights.tv:50}]"
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *grid, beside, "hydra.sweep.dir=sweep")) == 1
    assert "Sweep loss_weights: 4 runs of 4 steps" in capsys.readouterr().out
    sweep = tmp_path / "sweep"
    assert states(sweep) == ["finished", "finished", "finished", "failed"]
    names = ["exp=3", "exp=10", "init=identity", "exp=1e+39 tv=50"]
    assert [row["point"] for row in read_sweep(sweep)] == names
    assert [read_result(sweep / number)["name"] for number in "0123"] == names
    assert read_result(sweep / "2")["weights"]["exp"] == 10.0, "the published weight, and none of the grid's"
    (sweep / "2" / "result.json").unlink()
    assert run_here(monkeypatch, tmp_path, "resume=sweep", "hydra.launcher.retry_failed=true") == 1
    assert "1 failed, 2 finished, 1 unfinished" in capsys.readouterr().out
    assert states(sweep) == ["finished", "finished", "finished", "failed"]
    more = "hydra.sweeper.also=[{model.schedule:one_cycle}]"
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *grid, more, "resume=sweep")) == 0
    assert [row["point"] for row in read_sweep(sweep)] == [*names, "schedule=one_cycle"]


def test_a_run_beside_the_grid_that_cannot_work_is_named_before_the_first(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = ("hydra/sweeper=grid", "hydra.sweeper.also=[{loss:paper},{experiment:adaptiv}]")
    options = tiny(sice, "+sweep=loss_weights", *beside, "logger=csv", "hydra.sweep.dir=sweep")
    assert run_here(monkeypatch, tmp_path, *options) == 1
    message = capsys.readouterr().err
    assert "Could not find 'experiment/adaptiv'" in message
    assert "This is run 7 of the sweep: " in message
    assert "experiment=adaptiv" in message.splitlines()[-1]
    assert not (tmp_path / "sweep").exists()


def test_a_grid_that_cannot_be_read_is_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = tiny(sice, "loss.weights.exp=interval(1,2)", "seed=1,2", "-m", "logger=csv", "hydra.sweep.dir=sweep")
    assert run_here(monkeypatch, tmp_path, *options) == 1
    message = capsys.readouterr().err
    assert "loss.weights.exp=interval(1,2)" in message
    assert "hydra/sweeper=optuna searches an interval" in message
    assert not (tmp_path / "sweep").exists()
