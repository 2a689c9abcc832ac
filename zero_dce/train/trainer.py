"""The Trainer of a run."""

from __future__ import annotations

from typing import Any

import lightning as L

from zero_dce.checks import check_option


class StepTrainer(L.Trainer):
    """Lightning's Trainer, with one option more.

    Args:
        graph: ``auto`` lets a GPU be given a step's forward pass, losses and backward pass as one piece of work each,
            where that can be: see :mod:`zero_dce.step.graph`. With ``None`` each operation is given out by itself.
        **options: Lightning's.

    Raises:
        ValueError: if ``graph`` is something else.
    """

    def __init__(self, *, graph: str | None = None, **options: Any) -> None:
        check_option("trainer.graph", graph)
        self.graph = graph
        super().__init__(**options)
