"""Which of a run's processes this is, and of which SLURM job."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

# By these Lightning tells processes apart before it has set up their group.
RANK_VARIABLES = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")


class Starter(NamedTuple):
    """What starts several processes, and the variables that it sets in each."""

    name: str
    # Whether it started this process, by the variable's name.
    place: str
    number: str
    # A folder for a run that all its processes would name alike.
    folder: str

    def started(self) -> int:
        """Return how many processes it says that it started, one where it says nothing."""
        return int(os.environ.get(self.number, "1")) if self.place in os.environ else 1


STARTERS = (
    Starter("torchrun", "LOCAL_RANK", "WORLD_SIZE", "runs/train/NAME/0"),
    Starter("srun", "SLURM_STEP_ID", "SLURM_STEP_NUM_TASKS", "runs/train/$SLURM_JOB_ID/0"),
)


def started_by() -> Starter | None:
    """Return what started this process and others beside it; ``None`` for one that was started alone."""
    return next((starter for starter in STARTERS if starter.started() > 1), None)


def is_first_process() -> bool:
    """Tell whether this is the process that writes files; true also before the process group is up."""
    # Lightning takes seconds to import, which a mistake in the command line need not wait for.
    module = sys.modules.get("lightning.fabric.utilities.rank_zero")
    known = int(getattr(module.rank_zero_only, "rank", None) or 0) if module is not None else 0
    return known == 0 and given_rank() == 0


def given_rank() -> int:
    """Return the number of this process among those of its run, from 0, as whatever started it has given it."""
    return int(next((os.environ[name] for name in RANK_VARIABLES if name in os.environ), 0))


def is_started_by_srun() -> bool:
    """Tell whether SLURM started this process as a task of a job, and not a shell in an allocation."""
    # Lightning's SLURMEnvironment.detect() asks the same, and warns wherever srun is installed and not used.
    return "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")


def slurm_job() -> str | None:
    """Return the name by which SLURM requeues this job, also of one task of an array; ``None`` outside SLURM."""
    if "SLURM_JOB_ID" not in os.environ or not is_started_by_srun():
        return None
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ["SLURM_JOB_ID"]


def is_requeued() -> bool:
    """Tell whether SLURM has started this job before."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0
