"""After which steps values are read from the device, and processes ask each other."""

from __future__ import annotations

from typing import Any

# For a run that logs nothing, as often as Lightning logs by itself.
WITHOUT_LOGGING = 50


def is_read(trainer: Any, step: int) -> bool:
    """Tell whether what happened up to a step is read after it: every ``trainer.log_every_n_steps``.

    Args:
        trainer: of Lightning.
        step: how many steps have been taken, at least 1.
    """
    return step % (trainer.log_every_n_steps or WITHOUT_LOGGING) == 0
