"""When checkpoints and validation are due: one rule for both, in optimizer steps."""

from __future__ import annotations

import lightning as L

from zero_dce.checks import check_number


def check_interval(every_n_steps: int) -> int:
    """Return the interval.

    Raises:
        ValueError: if it is no whole number of at least 1.
    """
    check_number("every_n_steps", every_n_steps, least=1, whole=True)
    return every_n_steps


def is_due(trainer: L.Trainer, every_n_steps: int) -> bool:
    """Tell whether the step just done is a multiple of N, or the last one."""
    return trainer.global_step % every_n_steps == 0 or trainer.global_step == trainer.max_steps
