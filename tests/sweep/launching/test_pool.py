"""Runs in processes of their own: several at a time, several processes each, crashes, Ctrl-C."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers.launching import TROUBLE, TWO, start, states, three_runs
from tests.helpers.paths import ROOT
from tests.helpers.processes import is_running, wait_for
from tests.helpers.runs import read_metrics, read_result, run_apart, tiny
from zero_dce.files import read_json
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.sweep.launching.pool import ActiveRun


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, -9], "process 1 of 2 was killed by signal 9 (SIGKILL); what it printed is in run"),
        ([1], "its process ended with exit code 1; what it printed is in run"),
        ([-6], "its process was killed by signal 6 (SIGABRT); what it printed is in run"),
        ([-6, 1], "process 0 of 2 was killed by signal 6 (SIGABRT), as NCCL ends one that has waited for the others"),
    ],
)
def test_how_a_run_ended(codes: list[int], expected: str) -> None:
    ranks: Any = [SimpleNamespace(exitcode=code, is_alive=lambda: False) for code in codes]
    active = ActiveRun(SweepRun(0, (), Path("run")), 0, ranks, None)
    assert active.alive() == []
    assert active.explain().startswith(expected)


@pytest.mark.slow
def test_runs_of_two_processes_and_one_that_crashes(sice: Path, tmp_path: Path) -> None:
    """Process 1 of the first run is killed: that run fails and says why, and the sweep goes on."""
    options = [*tiny(sice, "logger=csv", *TWO), f"{TROUBLE}Kill,rank:1,step:2}},null", "hydra.sweep.dir=sweep", "-m"]
    done = run_apart(tmp_path, *options, PYTHONPATH=str(ROOT))
    assert done.returncode == 1, done.stderr
    folder = tmp_path / "sweep"
    assert states(folder) == ["failed", "finished"]
    assert "process 1 of 2 was killed by signal 9 (SIGKILL)" in read_result(folder / "0")["error"]
    assert "Run 0 failed: process 1 of 2 was killed" in done.stdout
    assert read_result(folder / "1")["last_step"] == 4
    assert read_json(folder / "1" / "environment.json")["hardware"]["threads"] == 1, "two processes share two cores"
    assert "Fresh processes:" in done.stdout
    assert (folder / "1" / "train.log").is_file()
    assert (folder / "1" / "train_rank_1.log").is_file()
    assert (folder / "1" / ".hydra" / "overrides.yaml").is_file()


@pytest.mark.slow
def test_several_runs_at_a_time_then_ctrl_c_then_continued(sice: Path, tmp_path: Path) -> None:
    """Two of three runs wait side by side at step 3 when Ctrl-C comes; nothing is left of them but their folders."""
    local = ("hydra/launcher=local", "hydra.launcher.slots=2", "hydra.sweep.dir=sweep", "trainer.max_steps=6")
    process = start(tmp_path, *three_runs(sice, *local, f"{TROUBLE}Wait,folder:{tmp_path},step:3}}"))
    wait_for(lambda: len(list(tmp_path.glob("waits-*"))) == 2, [process])
    os.killpg(process.pid, signal.SIGINT)
    wait_for(lambda: "Stopping 2 processes" in process.output(), [process])
    # From here on they may go on to the end of their step, where they stop.
    (tmp_path / "go").touch()
    code, output = process.wait(), process.output()
    assert code == 130, output + process.errors()
    waiting = [int(file.name.partition("-")[2]) for file in tmp_path.glob("waits-*")]
    assert not any(map(is_running, waiting))
    folder = tmp_path / "sweep"
    assert states(folder) == ["interrupted", "interrupted", "not started"]
    assert read_result(folder / "0")["last_step"] == 4, "the step that it was in is kept"
    assert "not started" in output, "the table names all runs"
    done = run_apart(tmp_path, "resume=sweep", "allow_targets=tests", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert states(folder) == ["finished"] * 3
    assert "Continuing the sweep" in done.stdout
    assert "2 interrupted, 1 not started" in done.stdout
    for run in "012":
        assert [row["step"] for row in read_metrics(folder / run)] == ["1", "2", "3", "4", "5", "6"]
        assert "output.log" in {file.name for file in (folder / run).iterdir()}, "as it was started: side by side"
    assert len(read_json(folder / "0" / "environment.json")["resumed"]) == 1, "continued, not begun anew"
