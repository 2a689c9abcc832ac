"""W&B's messages and errors as a command shows them: in one line that says what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import wandb
from wandb.sdk.lib.service.service_connection import WandbApiFailedError


def quiet_wandb() -> None:
    """Keep W&B's own messages back, since the command says what it did; call it before W&B is first used."""
    os.environ.setdefault("WANDB_SILENT", "true")


@contextmanager
def explain_refusal(failed: str, way_out: str) -> Iterator[None]:
    """Raise ConnectionError in place of W&B's errors where its server refuses.

    ``failed`` is what did not happen, and ``way_out`` what to do.
    """
    try:
        yield
    except (wandb.errors.Error, WandbApiFailedError, ValueError) as error:
        raise ConnectionError(f"{failed}: {error}. {way_out}") from error
