from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from zero_dce.enhance.pixel_budget import PixelBudget, StoppedError


def test_small_pictures_share_the_room_and_a_large_one_waits() -> None:
    budget, taken = PixelBudget(100, least=1), []
    budget.take(60)
    budget.take(40)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: (budget.take(50), taken.append(50)))
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.05)
        budget.give_back(40)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.05)
        budget.give_back(60)
        waiting.result(timeout=10)
    assert taken == [50]


def test_a_picture_larger_than_all_the_room_goes_alone() -> None:
    budget = PixelBudget(100, least=1)
    budget.take(1000)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(budget.take, 1)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.05)
        budget.give_back(1000)
        waiting.result(timeout=10)


def test_stopping_ends_the_waiting() -> None:
    budget = PixelBudget(100, least=1)
    budget.take(100)
    raised = threading.Event()

    def wait() -> None:
        try:
            budget.take(1)
        except StoppedError:
            raised.set()

    thread = threading.Thread(target=wait)
    thread.start()
    budget.stop()
    thread.join(timeout=10)
    assert raised.is_set()
    with pytest.raises(StoppedError):
        budget.take(0)


def test_no_more_than_a_hundred_small_pictures_are_read_ahead() -> None:
    """Each takes memory beside its pixels, and a folder may hold thousands."""
    budget = PixelBudget()
    for _ in range(100):
        budget.take(160 * 120)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(budget.take, 160 * 120)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.05)
        budget.give_back(0)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.05)
        budget.give_back(160 * 120)
        waiting.result(timeout=10)
