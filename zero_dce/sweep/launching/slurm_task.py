"""What one task of a SLURM job executes: the command line of a run, begun or continued.

This module imports little when it is loaded: until then a signal to save and requeue would kill the job.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


class RunTask:
    """A callable that submitit takes to the cluster: it holds nothing, so that only the arguments are pickled."""

    def __call__(self, number: int, overrides: list[str], folder: str, settings: list[str]) -> None:
        """Execute a run's command line as this task's process, from the start or from the last checkpoint.

        ``settings`` are Hydra's, of the whole sweep; the rest are the run's own.
        """
        # PyTorch would take all cores of a node that does not bind tasks to theirs. It reads this when it is imported.
        if "SLURM_CPUS_PER_TASK" in os.environ:
            os.environ.setdefault("OMP_NUM_THREADS", os.environ["SLURM_CPUS_PER_TASK"])
        from zero_dce.sweep.launching.job import SweepRun
        from zero_dce.train.__main__ import main

        # main() itself adds what differs between the tasks of srun.
        sys.argv = ["zero_dce.train", *SweepRun(number, tuple(overrides), Path(folder)).arguments(settings)]
        main()

    def checkpoint(self, *arguments: Any) -> Any:
        """Return what submitit requeues if the signal comes before training has begun: the same task."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)
