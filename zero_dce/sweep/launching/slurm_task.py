"""What one task of a SLURM job executes: the command line of a run, begun or continued.

This module imports little when it is loaded: until then a signal to save and requeue would kill the job.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

# The launcher writes down a job's id right after it has submitted it. NFS may show the file as it was before for a
# minute, and longer where it is mounted so.
SECONDS_TO_BE_KNOWN = 300.0
SECONDS_BETWEEN_READINGS = 0.5


class RunTask:
    """A callable that submitit takes to the cluster: it holds nothing, so that only the arguments are pickled."""

    def __call__(
        self, number: int, overrides: list[str], folder: str, settings: list[str], given: str | None = None
    ) -> None:
        """Execute a run's command line as this task's process, from the start or from the last checkpoint.

        ``settings`` are Hydra's, of the whole sweep, and ``given`` is the launcher's ``GIVEN_VARIABLE`` where a sweep
        is resumed; the rest are the run's own.
        """
        # PyTorch would take all cores of a node that does not bind tasks to theirs. It reads this when it is imported.
        if "SLURM_CPUS_PER_TASK" in os.environ:
            os.environ.setdefault("OMP_NUM_THREADS", os.environ["SLURM_CPUS_PER_TASK"])
        require_known(number, Path(folder))
        from zero_dce.sweep.launching.job import SweepRun
        from zero_dce.train.__main__ import main
        from zero_dce.train.configuration import GIVEN_VARIABLE

        if given is not None:
            os.environ[GIVEN_VARIABLE] = given
        # main() itself adds what differs between the tasks of srun.
        sys.argv = ["zero_dce.train", *SweepRun(number, tuple(overrides), Path(folder)).arguments(settings)]
        main()

    def checkpoint(self, *arguments: Any) -> Any:
        """Return what submitit requeues if the signal comes before training has begun: the same task."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)


def require_known(number: int, run: Path) -> None:
    """End this process unless the sweep knows its job as that of a run.

    A launcher that was killed before it had written down a job's id submits another one when it is started again, and
    the first would take the run away from that one.

    Raises:
        SystemExit: if the id has not been written down for five minutes.
    """
    from zero_dce.files import read_object
    from zero_dce.records.sweep import SLURM_JOBS, sweep_folder
    from zero_dce.train.rank import slurm_job

    job, file = slurm_job(), (sweep_folder(run) or run.parent) / SLURM_JOBS
    until = time.monotonic() + SECONDS_TO_BE_KNOWN
    while job is not None and (known := (read_object(file, {str: str}) or {}).get(str(number))) != job:
        if time.monotonic() > until:
            sys.exit(
                f"job {job} does not train run {number}, whose job is {known or 'not known'} by {file}: the launcher "
                "was ended before it had written this one down"
            )
        time.sleep(SECONDS_BETWEEN_READINGS)
