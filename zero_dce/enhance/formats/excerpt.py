"""Parts of a file as a file of their own, without a copy."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO


class Excerpt(io.RawIOBase):
    """Read pieces of a file, one after the other.

    Args:
        stream: the whole file.
        pieces: start and length of each.
    """

    def __init__(self, stream: BinaryIO, pieces: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self._stream = stream
        self._pieces = pieces
        self._size = sum(length for _, length in pieces)
        self._place = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """Any place can be gone to."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._place = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence])
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer from one piece, as far as that goes."""
        before = 0
        for start, length in self._pieces:
            inside = self._place - before
            if inside < length:
                self._stream.seek(start + inside)
                content = self._stream.read(min(len(buffer), length - inside))
                buffer[: len(content)] = content
                self._place += len(content)
                return len(content)
            before += length
        return 0
