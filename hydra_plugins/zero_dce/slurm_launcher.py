"""Hydra's launcher for sweeps on a SLURM cluster; its work is done in :mod:`zero_dce.sweep.launching.slurm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SlurmLauncher(Launcher):
    """Makes each run a SLURM job, or a task of a job array; this process only waits for them.

    Args:
        settings: what ``conf/hydra/launcher/slurm.yaml`` holds and explains.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra has composed."""
        self.hydra_context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Submit all runs and wait until each has ended."""
        from zero_dce.sweep.launching.slurm import launch_slurm

        return launch_slurm(self, job_overrides, initial_job_idx)
