"""Hydra's sweeper for a grid, and for further runs beside it; which ones, :mod:`zero_dce.sweep.plan` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override


class GridSweeper(BasicSweeper):
    """Carries out all combinations of values, and then runs that are none of them.

    Args:
        max_batch_size: how many runs the launcher gets at a time; ``None``: all.
        params: the grid's values by their keys, in Hydra's syntax; those of the command line replace them.
        also: the own values of each further run, by their keys. They stand in the place of ``params``.
    """

    def __init__(
        self,
        max_batch_size: int | None = None,
        params: Mapping[str, str] | None = None,
        also: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(max_batch_size, dict(params or {}))
        self.also = also

    def split_arguments(  # type: ignore[override]  # Hydra calls its static method on the sweeper
        self, overrides: list[Override], max_batch_size: int | None
    ) -> list[list[list[str]]]:
        """Return the runs that were planned and announced, in batches, instead of the combinations alone."""
        from zero_dce.sweep.plan import plan_jobs

        assert self.config is not None
        return [*self.split_overrides_to_chunks(plan_jobs(self.config), max_batch_size)]
