"""A limit on what is in memory at the same time."""

from __future__ import annotations

import threading

# Pixels of pictures in hand.
MOST = 50_000_000


class StoppedError(Exception):
    """Nothing more is to be taken in hand."""


class Room:
    """Keeps pictures in hand small enough: one of any size, or several that are small together.

    Args:
        most: the most pixels of several pictures together.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._used = 0
        self._stopped = False
        self._change = threading.Condition()

    def take(self, pixels: int) -> None:
        """Wait until there is room for a picture.

        Raises:
            StoppedError: if there will be none.
        """
        with self._change:
            self._change.wait_for(lambda: self._stopped or not self._used or self._used + pixels <= self._most)
            if self._stopped:
                raise StoppedError
            self._used += pixels

    def give_back(self, pixels: int) -> None:
        """Say that a picture is no longer in hand."""
        with self._change:
            self._used -= pixels
            self._change.notify_all()

    def stop(self) -> None:
        """Let nobody wait any longer, and nothing more be taken."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
