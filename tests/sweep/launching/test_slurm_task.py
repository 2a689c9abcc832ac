"""The task of a SLURM job: the command line that it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from zero_dce.sweep.launching.slurm_task import RunTask
from zero_dce.train import __main__ as train


def test_a_task_runs_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[list[str]] = []
    monkeypatch.setattr(train, "main", lambda: lines.append([*sys.argv[1:], os.environ["OMP_NUM_THREADS"]]))
    monkeypatch.setattr(sys, "argv", ["submitit"])
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    monkeypatch.delenv("OMP_NUM_THREADS")
    RunTask()(2, ["seed=1"], str(tmp_path), ["hydra.verbose=true"])
    place = [f'hydra.run.dir="{tmp_path}"', "hydra.job.num=2"]
    assert lines == [["hydra.verbose=true", "seed=1", "hydra.mode=RUN", *place, "3"]]


def test_a_task_that_had_not_begun_is_submitted_again() -> None:
    pytest.importorskip("submitit")
    again = RunTask().checkpoint(2, ["seed=1"], "folder", [])
    assert (type(again.function), again.args) == (RunTask, (2, ["seed=1"], "folder", []))
