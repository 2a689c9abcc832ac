"""When checkpoints and validation are due: one rule for both, in optimizer steps."""

from __future__ import annotations

import lightning as L


def check_interval(every_n_steps: int) -> int:
    """Return the interval.

    Raises:
        ValueError: if it is below 1.
    """
    if every_n_steps < 1:
        raise ValueError(f"every_n_steps is {every_n_steps}; expected at least 1")
    return every_n_steps


def is_due(trainer: L.Trainer, every_n_steps: int) -> bool:
    """Tell whether the step just done is a multiple of N, or the last one."""
    return trainer.global_step % every_n_steps == 0 or trainer.global_step == trainer.max_steps
