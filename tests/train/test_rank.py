"""Which of a run's processes this is, and of which SLURM job."""

from __future__ import annotations

import pytest

from tests.helpers.processes import (
    slurm_tasks,
)
from zero_dce.train.rank import slurm_job


def test_names_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slurm_job() is None
    for name, value in slurm_tasks(1).pop().items():
        monkeypatch.setenv(name, value)
    assert slurm_job() == "4711"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "4700")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    assert slurm_job() == "4700_0"
    monkeypatch.setenv("SLURM_JOB_NAME", "interactive")
    assert slurm_job() is None, "a shell on a node, which is not started again"
