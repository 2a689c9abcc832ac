from __future__ import annotations

from typing import cast

import pytest

from zero_dce.enhance.graph import Backend
from zero_dce.enhance.threads import in_threads


class _Threads:
    """Stands for a backend; counts its threads that have begun, and that it was told to end."""

    workers = 2

    def __init__(self) -> None:
        self.begun = self.ended = 0

    def begin_thread(self) -> None:
        self.begun += 1

    def end_threads(self, workers: int) -> None:
        self.ended += workers


def test_results_come_in_order() -> None:
    threads = _Threads()
    assert list(in_threads(lambda item: item**2, range(50), cast(Backend, threads))) == [i**2 for i in range(50)]
    assert 1 <= threads.begun <= 2
    assert threads.ended == 2


def test_an_error_is_raised_and_the_threads_end() -> None:
    threads = _Threads()
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda item: 1 // (3 - item), range(9), cast(Backend, threads)))
    assert threads.ended == 2
