"""Files that are either whole or not there, and what a full disk means for a run."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """Give a path to write to. It gets the file's name when the block ends well; else nothing of it stays.

    A process killed in between leaves a file ending in ``.unfinished``.
    """
    unfinished = file.with_name(file.name + UNFINISHED)
    try:
        yield unfinished
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)


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
        raise OSError(
            f"the disk that holds {run} is full ({error.strerror}). What was written so far is kept: make room, and "
            f"go on with resume={run}"
        ) from error
