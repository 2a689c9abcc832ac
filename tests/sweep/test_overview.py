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
