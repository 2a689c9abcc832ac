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

from zero_dce.hardware import is_out_of_memory, release_gpu_memory
from zero_dce.records.run import has_checkpoint
from zero_dce.terminal import chain_of, first_failure
from zero_dce.train.continuing import resume_command

FULL = {errno.ENOSPC, errno.EDQUOT}
# What a process is told that has waited for the others in vain: by gloo, by NCCL, and by the store where they meet.
NO_ANSWER = (
    *("Timed out waiting", "operation timeout", "Socket Timeout", "wait timeout"),
    *("waiting for clients", "client socket has timed out"),
)


@contextmanager
def explain_out_of_memory(config: DictConfig) -> Iterator[None]:
    """Turn PyTorch's out-of-memory error into one that says how to go on.

    Raises:
        MemoryError: instead of PyTorch's error.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        batch = int(config.data.batch_size)
        one_by_one = batch > 1 and config.model.pictures_at_once != 1
        same_steps = "The same steps in the memory of one picture: model.pictures_at_once=1. " if one_by_one else ""
        raise MemoryError(
            f"data.batch_size={batch} at data.size={config.data.size} does not fit in memory. "
            f"{same_steps}Smaller pictures (data.size) and trainer.precision=bf16-mixed need less too. "
            f"Checkpoints written so far are kept. PyTorch says: {_first_line(error)}"
        ) from error


@contextmanager
def explain_stuck_process(run: Path) -> Iterator[None]:
    """Turn the error of a process that has waited for the others in vain into one that says how to go on.

    Raises:
        TimeoutError: instead of the error of PyTorch's process group.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(text in str(error) for text in NO_ANSWER):
            raise
        way_out = f". Go on with: {resume_command(run)}" if has_checkpoint(run) else ""
        raise TimeoutError(
            "another process of this run has not answered for as long as the process group waits "
            "(trainer.strategy.timeout.minutes of trainer=ddp): it was refused, is stopped, hangs, or its machine is "
            "gone. See what the others printed last; if one only needs longer, give more minutes. PyTorch "
            f"says: {_first_line(error)}{way_out}"
        ) from error


@contextmanager
def explain_full_disk(run: Path) -> Iterator[None]:
    """Turn the system's error of a full disk into one that says how to go on.

    Raises:
        OSError: instead of the system's.
    """
    try:
        yield
    except OSError as last:
        error = first_failure(last)
        if not isinstance(error, OSError) or error.errno not in FULL:
            raise
        way_out = f", and go on with {resume_command(run)}" if has_checkpoint(run) else ""
        raise OSError(
            f"the disk that holds {error.filename or run} is full ({error.strerror}). What was written so far is kept: "
            f"make room{way_out}"
        ) from error


def release_memory(error: BaseException | None = None) -> None:
    """Let go of the tensors of a run that has ended, also of one that failed with ``error``.

    Hydra keeps an exception, and with it all frames, until the sweep's end. The Trainer, its loops and the module refer
    to each other, so that without an error too they stay until the garbage collector comes by.
    """
    for link in chain_of(error):
        traceback.clear_frames(link.__traceback__)
    gc.collect()
    # What was compiled would keep the memory that it was recorded in.
    torch.compiler.reset()
    release_gpu_memory()


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
