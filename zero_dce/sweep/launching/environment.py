"""The environment variables of a run's processes, cleared of those of any launcher around the sweep."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import torch

# torchrun, srun and MPI set these in their processes: a run that inherited them would take itself for one of theirs.
# WANDB_SERVICE names W&B's own process, which serves the process that started it and ends with that one.
LAUNCHER_VARIABLES = (
    *("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "NODE_RANK", "GROUP_RANK", "GROUP_WORLD_SIZE"),
    "WANDB_SERVICE",
)
LAUNCHER_PREFIXES = ("MASTER_", "ROLE_", "TORCHELASTIC_", "SLURM_", "PMI_", "PMIX_", "OMPI_", "JSM_")
# A user sets these for SLURM's commands.
KEPT = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT")
CUDA_GPUS, HIP_GPUS = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"


def named_gpus() -> str | None:
    """Return the list of GPUs that this process was given by its environment, as it stands there; ``None`` for all.

    AMD's HIP reads CUDA's variable too, where its own is not set.
    """
    if torch.version.hip and HIP_GPUS in os.environ:
        return os.environ[HIP_GPUS]
    return os.environ.get(CUDA_GPUS)


def run_environments(processes: int, gpus: Sequence[str] | None) -> list[dict[str, str]]:
    """Return the environment of each process of a run, in the order of their ranks.

    They find each other on a free port of this machine, and see these GPUs, or with ``None`` those of this process.
    """
    environment = {name: value for name, value in os.environ.items() if not is_launchers(name)}
    if gpus is not None:
        # A list in AMD's variable counts within one in ROCR_VISIBLE_DEVICES, which the runs inherit.
        environment.pop(CUDA_GPUS, None)
        environment[HIP_GPUS if torch.version.hip else CUDA_GPUS] = ",".join(gpus)
    if processes == 1:
        return [environment]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(processes)}
    return [{**environment, **meeting, "NODE_RANK": "0", "LOCAL_RANK": str(rank)} for rank in range(processes)]


def is_launchers(name: str) -> bool:
    """Return whether a variable comes from a launcher that started this process."""
    return name not in KEPT and (name in LAUNCHER_VARIABLES or name.startswith(LAUNCHER_PREFIXES))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
