"""A disk that is full, as the system itself says it: no file may grow beyond a few bytes."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """Let writes of this process beyond so many bytes fail, in C++ and its children too, with EFBIG, not ENOSPC.

    As on a full disk, the write that reaches the end is cut short without an error, and the next one fails.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
