"""What one task of a SLURM job runs: the command line of a run, begun or continued.

Only light imports up here: until this module is loaded in the job, a signal to save and requeue would kill it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


class RunTask:
    """A callable that submitit takes to the cluster: it holds nothing, so that only arguments are pickled."""

    def __call__(self, number: int, overrides: list[str], folder: str, settings: list[str]) -> None:
        """Run the command line as this task's process, from the start or from the last checkpoint.

        Args:
            number: of the run in its sweep.
            overrides: the run's own.
            folder: the run's.
            settings: Hydra's, of the whole sweep.
        """
        # PyTorch would take all cores of a node that does not bind tasks to theirs; read at its import.
        if "SLURM_CPUS_PER_TASK" in os.environ:
            os.environ.setdefault("OMP_NUM_THREADS", os.environ["SLURM_CPUS_PER_TASK"])
        from zero_dce.sweep.launching.job import Job
        from zero_dce.train.__main__ import main

        # The command line itself sees to what differs between the tasks of srun.
        sys.argv = ["zero_dce.train", *Job(number, tuple(overrides), Path(folder)).arguments(settings)]
        main()

    def checkpoint(self, *arguments: Any) -> Any:
        """Say how to go on when the signal comes before training has begun: with the same, from the queue."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)
