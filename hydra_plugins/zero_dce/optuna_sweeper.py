"""Hydra's sweeper for a search with Optuna; its work is done in :mod:`zero_dce.sweep.search`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class OptunaSweeper(Sweeper):
    """Searches loss weights and other options for several objectives at once.

    The arguments are those of ``conf/hydra/sweeper/optuna.yaml``, which explains them; they are checked when the sweep
    begins, by :func:`zero_dce.sweep.search.plan.read_search`.
    """

    def __init__(
        self, params: Mapping[str, str] | None = None, objectives: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        self.params, self.objectives, self.options = params, objectives, options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra has composed, and make the launcher."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Carry out the search; ends the process with exit code 1 if runs failed."""
        from zero_dce.sweep.search.sweeper import run_search

        run_search(self)
