"""Validation by optimizer steps, and when it and checkpoints are due: one rule for both."""

from __future__ import annotations

import sys
from typing import Any

import lightning as L

from zero_dce.checks import check_option


def is_due(trainer: L.Trainer, every_n_steps: int) -> bool:
    """Tell whether the step just done is a multiple of N, or the last one."""
    return trainer.global_step % every_n_steps == 0 or trainer.global_step == trainer.max_steps


class StepValidation(L.Callback):
    """Validate every N optimizer steps and after the last one.

    The Trainer counts batches. Under gradient accumulation, with an incomplete accumulation at an epoch's end, or after
    a resume with another one, batches drift apart from steps; so this sets the Trainer's interval from batch to batch.

    Args:
        every_n_steps: optimizer steps between two validations, at least 1.

    Raises:
        ValueError: if ``every_n_steps`` is below 1.
    """

    def __init__(self, every_n_steps: int) -> None:
        check_option("every_n_steps", every_n_steps)
        self.every_n_steps = every_n_steps
        self._step = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start with no validation ahead."""
        self._step = trainer.global_step
        trainer.val_check_batch = sys.maxsize

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Let the Trainer validate after this batch when it ended a step that is due."""
        step = trainer.global_step
        due = step != self._step and is_due(trainer, self.every_n_steps)
        self._step = step
        trainer.val_check_batch = 1 if due else sys.maxsize
