"""What is to be done when the command ends, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable

_endings: list[Callable[[], None]] = []


def at_end(ending: Callable[[], None]) -> None:
    """Have something done at the end of the command: what began it knows how it ends."""
    _endings.append(ending)


def end() -> None:
    """Do it, each once."""
    while _endings:
        _endings.pop()()
