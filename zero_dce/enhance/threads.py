"""The same work on many parts of a picture, on a backend's threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from zero_dce.enhance.graph import Backend

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], backend: Backend) -> Iterator[Result]:
    """Do ``work``, which calls the backend, on all items and yield its results in order.

    The first error ends it and is raised.
    """
    workers = backend.workers
    pool = ThreadPoolExecutor(workers, initializer=backend.begin_thread)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)
        backend.end_threads(workers)
