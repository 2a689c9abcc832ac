"""Work on many parts of a picture, in as many threads as a backend uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from zero_dce.enhance.graph import Backend

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_threads(work: Callable[[_Item], _Result], items: Iterable[_Item], backend: Backend) -> Iterator[_Result]:
    """Call ``work``, which uses the backend, on all items and yield its results in order; the first error is raised."""
    workers = backend.workers
    pool = ThreadPoolExecutor(workers, initializer=backend.begin_thread)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)
        backend.end_threads(workers)
