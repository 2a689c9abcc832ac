"""Files that are either whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished"


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
