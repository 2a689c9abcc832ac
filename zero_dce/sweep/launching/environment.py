"""The environment variables of a run's processes, cleared of those of any launcher around the sweep."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

# What torchrun, srun and MPI tell their processes: a run inside would take itself for one of theirs.
# W&B's own process serves the one that started it, and ends with that one.
OUTER = (
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "GROUP_WORLD_SIZE"),
    "WANDB_SERVICE",
)
OUTER_BEGINNINGS = ("MASTER_", "ROLE_", "TORCHELASTIC_", "SLURM_", "PMI_", "PMIX_", "OMPI_", "JSM_")
# What SLURM's commands are told by their user.
KEPT = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT")
# How to tell that one of several processes is running: who starts them, what it sets in each, and their number.
STARTERS = (("torchrun", "LOCAL_RANK", "WORLD_SIZE"), ("srun", "SLURM_STEP_ID", "SLURM_STEP_NUM_TASKS"))
GPUS = "CUDA_VISIBLE_DEVICES"


def run_environments(processes: int, gpus: Sequence[str] | None) -> list[dict[str, str]]:
    """Return the environment of each process of a run, in the order of their ranks.

    Args:
        processes: how many the run has; they find each other on a free port of this machine.
        gpus: the GPUs that they see; ``None`` leaves that as it is here.
    """
    environment = {name: value for name, value in os.environ.items() if not is_outer(name)}
    if gpus is not None:
        environment[GPUS] = ",".join(gpus)
    if processes == 1:
        return [environment]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(processes)}
    return [{**environment, **meeting, "NODE_RANK": "0", "LOCAL_RANK": str(rank)} for rank in range(processes)]


def is_outer(name: str) -> bool:
    """Tell whether a variable is a launcher's that started this process."""
    return name not in KEPT and (name in OUTER or name.startswith(OUTER_BEGINNINGS))


def check_not_inside(what: str) -> None:
    """Return unless this process is one of several that torchrun or srun started.

    Raises:
        ValueError: if it is; the message says how several processes are started instead.
    """
    for name, place, count in STARTERS:
        if place in os.environ and int(os.environ.get(count, "1")) > 1:
            raise ValueError(
                f"{what} was started by {name} {os.environ[count]} times over: each process would run all of it. Start "
                "it once, without: `trainer=ddp trainer.devices=N` gives each run N processes, hydra/launcher=local "
                "several runs at a time, and hydra/launcher=slurm makes each run a job"
            )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
