"""What one task of a SLURM job runs: the command line of a run, begun or continued.

Only light imports up here: until this module is loaded in the job, a signal to save and requeue would kill it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class RunTask:
    """A callable that submitit takes to the cluster: it holds nothing, so that only arguments are pickled."""

    def __call__(self, number: int, overrides: list[str], folder: str) -> None:
        """Run the command line as this task's process, from the start or from the last checkpoint.

        Args:
            number: of the run in its sweep.
            overrides: the run's own.
            folder: the run's.
        """
        # PyTorch would take all cores of a node that does not bind tasks to theirs; read at its import.
        if "SLURM_CPUS_PER_TASK" in os.environ:
            os.environ.setdefault("OMP_NUM_THREADS", os.environ["SLURM_CPUS_PER_TASK"])
        from zero_dce import train

        sys.argv = ["zero_dce.train", *job_arguments(number, overrides, Path(folder), int(os.environ["SLURM_PROCID"]))]
        train.main()

    def checkpoint(self, *arguments: Any) -> Any:
        """Say how to go on when the signal comes before training has begun: with the same, from the queue."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)


def job_arguments(number: int, overrides: Sequence[str], run: Path, rank: int) -> list[str]:
    """Return the command line that starts a run of a sweep, or continues it where it has a checkpoint.

    Args:
        number: of the run in its sweep.
        overrides: the run's own.
        run: its folder.
        rank: of the process; only the first writes the configuration, and each has a log of its own.
    """
    # Hydra and Lightning, which take seconds.
    from zero_dce.callbacks.checkpoints import LAST
    from zero_dce.configuration import RESUMED, quoted

    place = quoted(run)
    line = [*overrides, "hydra.mode=RUN", f"hydra.run.dir={place}", f"hydra.job.num={number}"]
    continued = (run / "checkpoints" / LAST).is_file()
    if continued:
        line.append(f"resume={place}")
    if rank:
        line += [f"hydra.job.name=train_rank_{rank}", "hydra.output_subdir=null"]
    elif continued:
        line.append(f"hydra.output_subdir={RESUMED}")
    return line
