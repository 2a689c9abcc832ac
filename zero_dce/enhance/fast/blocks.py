"""A picture as a grid of small square blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from zero_dce.enhance.pixels import FloatArray
from zero_dce.images.canvas import Box, Canvas, PixelArray

# A part of this side, in pixels, stays in a processor's cache with what is computed from it.
PART_SIDE = 192
# The rows and columns of blocks that a part of a picture has.
Part = tuple[slice, slice]


@dataclass(frozen=True)
class BlockGrid:
    """The blocks of a picture; those at its right and lower edge may reach beyond it.

    Attributes:
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        size: the side of a block, in pixels.
    """

    width: int
    height: int
    size: int

    @property
    def rows(self) -> int:
        """Return the number of rows of blocks."""
        return ceil(self.height / self.size)

    @property
    def columns(self) -> int:
        """Return the number of columns of blocks."""
        return ceil(self.width / self.size)

    def box(self, part: Part) -> Box:
        """Return the pixels of a part, which may reach beyond the picture."""
        rows, columns = part
        return columns.start * self.size, rows.start * self.size, columns.stop * self.size, rows.stop * self.size

    def parts(self, pixels: int = PART_SIDE) -> Iterator[Part]:
        """Yield parts of one shape that cover the grid; the last ones overlap those before them.

        Args:
            pixels: the side of a part, rounded down to whole blocks; a smaller grid has smaller parts.
        """
        side = max(1, pixels // self.size)
        for top in _starts(self.rows, side):
            for left in _starts(self.columns, side):
                yield slice(top, top + min(side, self.rows)), slice(left, left + min(side, self.columns))


def read_blocks(canvas: Canvas, grid: BlockGrid, rows: slice, columns: slice, before: int = 0) -> PixelArray:
    """Read the pixels of some blocks, and ``before`` pixels above and to the left of them.

    The picture's edge is repeated outside.
    """
    left, top, right, bottom = grid.box((rows, columns))
    return read_beyond(canvas, left - before, top - before, right, bottom)


def read_beyond(canvas: Canvas, left: int, top: int, right: int, bottom: int) -> PixelArray:
    """Read a box that may reach beyond the picture, whose edge is repeated there."""
    inside = (max(left, 0), max(top, 0), min(right, canvas.width), min(bottom, canvas.height))
    pixels = canvas.read(inside)
    if inside == (left, top, right, bottom):
        return pixels
    pad = ((inside[1] - top, bottom - inside[3]), (inside[0] - left, right - inside[2]), (0, 0))
    return np.pad(pixels, pad, mode="edge")


def with_surroundings(values: FloatArray, part: Part, margin: int) -> FloatArray:
    """Return the values of a part's blocks and of ``margin`` blocks around it; the outermost blocks are repeated."""
    rows, columns = part
    down = np.arange(rows.start - margin, rows.stop + margin).clip(0, values.shape[0] - 1)
    across = np.arange(columns.start - margin, columns.stop + margin).clip(0, values.shape[1] - 1)
    found: FloatArray = values[np.ix_(down, across)]
    return found


def _starts(length: int, side: int) -> list[int]:
    last = max(length - side, 0)
    return [*range(0, last, side), last]
