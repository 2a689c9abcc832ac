"""A limit on the pictures that are in memory at the same time."""

from __future__ import annotations

import threading

# The pictures in memory have at most so many pixels together.
BUDGET = 50_000_000
# A small picture takes memory beside its pixels: it counts as this many, so that thousands are not read ahead.
LEAST_COUNTED = 500_000


class StoppedError(Exception):
    """The work has ended, and no further picture may be read."""


class PixelBudget:
    """Limits the pictures in memory: one of any size, or several of at most ``most`` pixels together.

    A picture of fewer than ``least`` pixels counts as one of so many.
    """

    def __init__(self, most: int = BUDGET, least: int = LEAST_COUNTED) -> None:
        self._most, self._least = most, least
        self._used = 0
        self._stopped = False
        self._change = threading.Condition()

    def take(self, pixels: int) -> None:
        """Wait until the budget has room for a picture of this many pixels.

        Raises:
            StoppedError: if :meth:`stop` was called.
        """
        with self._change:
            counted = self._count(pixels)
            self._change.wait_for(lambda: self._stopped or not self._used or self._used + counted <= self._most)
            if self._stopped:
                raise StoppedError
            self._used += counted

    def give_back(self, pixels: int) -> None:
        """Free the pixels of a picture that is no longer in memory."""
        with self._change:
            self._used -= self._count(pixels)
            self._change.notify_all()

    def stop(self) -> None:
        """End all waiting; every later :meth:`take` fails."""
        with self._change:
            self._stopped = True
            self._change.notify_all()

    def _count(self, pixels: int) -> int:
        # A file that failed before its size was known took nothing.
        return max(pixels, self._least) if pixels else 0
