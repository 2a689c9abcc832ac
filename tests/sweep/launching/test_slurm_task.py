"""The task of a SLURM job: the command line that it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from zero_dce.files import write_json
from zero_dce.sweep.launching import slurm_task
from zero_dce.sweep.launching.slurm_task import RunTask, require_known
from zero_dce.train import __main__ as train
from zero_dce.train.configuration import GIVEN_VARIABLE, given_before


def test_a_task_runs_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[list[str]] = []
    monkeypatch.setattr(train, "main", lambda: lines.append([*sys.argv[1:], os.environ["OMP_NUM_THREADS"]]))
    monkeypatch.setattr(sys, "argv", ["submitit"])
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    monkeypatch.setenv("OMP_NUM_THREADS", "")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv(GIVEN_VARIABLE, "")
    RunTask()(2, ["seed=1"], str(tmp_path), ["hydra.verbose=true"], '["resume=x"]')
    assert given_before() == ["resume=x"], "clusters may hand no variables on to jobs"
    place = [f'hydra.run.dir="{tmp_path}"', "hydra.job.num=2"]
    assert lines == [["hydra.verbose=true", "seed=1", "hydra.mode=RUN", *place, "3"]]


def test_a_task_that_had_not_begun_is_submitted_again() -> None:
    pytest.importorskip("submitit")
    again = RunTask().checkpoint(2, ["seed=1"], "folder", [])
    assert (type(again.function), again.args) == (RunTask, (2, ["seed=1"], "folder", []))


def test_a_job_that_its_sweep_does_not_know_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its launcher was killed between submitting it and writing that down; another job may have its run by now."""
    for name, value in (("JOB_ID", "9"), ("NTASKS", "1"), ("ARRAY_JOB_ID", "7"), ("ARRAY_TASK_ID", "2")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setattr(slurm_task, "SECONDS_TO_BE_KNOWN", 0.05)
    monkeypatch.setattr(slurm_task, "SECONDS_BETWEEN_READINGS", 0.01)
    monkeypatch.setattr(train, "main", lambda: pytest.fail("it trains"))
    with pytest.raises(SystemExit, match="job 7_2 does not train run 3, whose job is not known by "):
        RunTask()(3, [], str(tmp_path / "3"), [])
    write_json(tmp_path / "slurm_jobs.json", {"3": "8_0"})
    with pytest.raises(SystemExit, match="job 7_2 does not train run 3, whose job is 8_0"):
        RunTask()(3, [], str(tmp_path / "3"), [])


def test_a_job_waits_until_its_sweep_knows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may start before its launcher has written its id down, and runs may lie in folders of folders."""
    monkeypatch.setenv("SLURM_JOB_ID", "9")
    monkeypatch.setenv("SLURM_NTASKS", "1")
    write_json(tmp_path / "sweep.json", {"jobs": [[]] * 4, "swept": [], "folders": {"3": "seeds/3"}})
    jobs = tmp_path / "slurm_jobs.json"
    write_json(jobs, {"3": "5"})
    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            write_json(jobs, {"3": "9"})

    monkeypatch.setattr(slurm_task.time, "sleep", pause)
    require_known(3, tmp_path / "seeds" / "3")
    assert len(looks) == 3
