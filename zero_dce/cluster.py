"""What the Trainer is told of the cluster that it runs on."""

from __future__ import annotations

import os
from typing import Any

import hydra
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from omegaconf import DictConfig


def cluster_environment() -> ClusterEnvironment | None:
    """Return how processes find each other where the Trainer's own choice would not do; ``None`` elsewhere.

    Under SLURM the Trainer would requeue the job itself, with a checkpoint written inside the signal handler: that
    never returns when processes are in the middle of a step.
    """
    return SLURMEnvironment(auto_requeue=False) if _is_started_by_srun() else None


def _is_started_by_srun() -> bool:
    # As SLURMEnvironment.detect(), which also warns wherever srun is installed and not used.
    return "SLURM_NTASKS" in os.environ and SLURMEnvironment.job_name() not in ("bash", "interactive")


def with_cluster(trainer: DictConfig) -> dict[str, Any]:
    """Return what to add to the Trainer's arguments: the cluster's environment beside plugins that are configured.

    An environment that is configured stays.
    """
    environment = cluster_environment()
    if environment is None:
        return {}
    configured = trainer.get("plugins") or []
    made = hydra.utils.instantiate(configured)
    parts = list(made) if not isinstance(made, str) and hasattr(made, "__iter__") else [made]
    if any(isinstance(part, ClusterEnvironment) for part in parts):
        return {}
    return {"plugins": [*parts, environment]}


def slurm_job() -> str | None:
    """Return the name by which SLURM requeues this job, also of one task of an array; ``None`` outside SLURM."""
    if "SLURM_JOB_ID" not in os.environ or not _is_started_by_srun():
        return None
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ["SLURM_JOB_ID"]


def is_requeued() -> bool:
    """Tell whether SLURM has started this job before."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0
