"""A file that Pillow can write to safely."""

from __future__ import annotations

import io
from typing import BinaryIO


class Through(io.RawIOBase):
    """Hands everything on to a file, and hides its descriptor.

    Into a descriptor Pillow writes itself, and takes a write that a full disk cut short for a whole one: the picture
    would be truncated without an error.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self.stream = stream

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        """Write all of the content."""
        return self.stream.write(content)
