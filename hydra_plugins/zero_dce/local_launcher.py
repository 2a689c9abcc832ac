"""Hydra's launcher for sweeps on one machine; its work is done in :mod:`zero_dce.sweep.launching.local`."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """Carries out runs of one device one by one in this process, all others in fresh processes, several at a time.

    Args:
        slots: how many runs at a time; ``None``: as many as the visible GPUs allow, 1 without GPUs.
        devices_per_run: GPUs, or processes on the CPU, of each run; ``None``: what ``trainer.devices`` says.
        retry_failed: whether a continued sweep runs again what had failed.
        runs_per_gpu: how many runs at a time share a GPU.
    """

    def __init__(
        self,
        slots: int | None = 1,
        devices_per_run: int | None = None,
        retry_failed: bool = False,
        runs_per_gpu: int = 1,
    ) -> None:
        self.slots, self.devices_per_run, self.runs_per_gpu = slots, devices_per_run, runs_per_gpu
        self.retry_failed = retry_failed

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra has composed."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Carry out all runs; those of a continued sweep that are finished are not run again."""
        from zero_dce.sweep.launching.local import launch_local

        return launch_local(self, job_overrides, initial_job_idx)
