"""Hydra's callback around runs and sweeps; its work is done in :mod:`zero_dce.sweep.overview`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

if TYPE_CHECKING:
    from zero_dce.sweep.overview import SweepProgress


class SweepOverview(Callback):
    """Announces a sweep before its first run, and prints after each run how far the sweep is.

    Attributes:
        progress: that of this process's sweep; ``None`` if there is none. Launchers whose runs end in other processes
            count them here.
    """

    progress: SweepProgress | None = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check a single run's configuration and make its folder this process's own, or end the command."""
        from zero_dce.train.preflight import check_and_own

        check_and_own(config)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the plan of a sweep and print what it will take."""
        # A single run loads no module of zero_dce.sweep.
        from zero_dce.sweep.overview import begin_sweep

        self.progress = begin_sweep(config)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Print how far the sweep is."""
        if self.progress is not None:
            self.progress.run_ended()
