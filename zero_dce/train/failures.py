"""What a failure means for a run, and how to go on."""

from __future__ import annotations

import errno
import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from omegaconf import DictConfig

from zero_dce.records.run import has_checkpoint, resume_command

FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def explain_out_of_memory(config: DictConfig) -> Iterator[None]:
    """Turn PyTorch's out-of-memory error into one that says how to go on.

    Raises:
        MemoryError: instead of PyTorch's error.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        batch, accumulate = int(config.data.batch_size), int(config.trainer.accumulate_grad_batches)
        halve = (
            f"The same steps in half the memory: data.batch_size={batch // 2} "
            f"trainer.accumulate_grad_batches={2 * accumulate}. "
        )
        raise MemoryError(
            f"data.batch_size={batch} at data.size={config.data.size} does not fit in memory. "
            f"{halve if batch > 1 else ''}Smaller pictures (data.size) and trainer.precision=bf16-mixed need less too. "
            "Checkpoints written so far are kept"
        ) from error


@contextmanager
def explain_full_disk(run: Path) -> Iterator[None]:
    """Turn the system's error of a full disk into one that says how to go on.

    Raises:
        OSError: instead of the system's.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        way_out = f", and go on with {resume_command(run)}" if has_checkpoint(run) else ""
        raise OSError(
            f"the disk that holds {error.filename or run} is full ({error.strerror}). What was written so far is kept: "
            f"make room{way_out}"
        ) from error


def release_memory(error: BaseException) -> None:
    """Let go of a failed run's tensors: Hydra keeps its exception, and with it all frames, until the sweep's end."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
