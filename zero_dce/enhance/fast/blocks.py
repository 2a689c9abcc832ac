"""A picture as a grid of small square blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from zero_dce.enhance.canvas import Canvas
from zero_dce.enhance.pixels import Array


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
        """Return how many blocks lie below each other."""
        return ceil(self.height / self.size)

    @property
    def columns(self) -> int:
        """Return how many blocks lie beside each other."""
        return ceil(self.width / self.size)

    def parts(self, side: int) -> Iterator[tuple[slice, slice]]:
        """Yield rows and columns of parts of equal shape that cover the grid; the last ones overlap the ones before.

        Args:
            side: of a part, in blocks; less where the grid has less.
        """
        for top in _starts(self.rows, side):
            for left in _starts(self.columns, side):
                yield slice(top, top + min(side, self.rows)), slice(left, left + min(side, self.columns))


def read_blocks(canvas: Canvas, grid: BlockGrid, rows: slice, columns: slice, before: int = 0) -> Array:
    """Read the pixels of some blocks; what lies outside the picture repeats its edge.

    Args:
        canvas: the picture.
        grid: its blocks.
        rows: which rows of blocks.
        columns: which columns of blocks.
        before: rows and columns of pixels above and to the left of them.
    """
    return read_beyond(
        canvas,
        columns.start * grid.size - before,
        rows.start * grid.size - before,
        columns.stop * grid.size,
        rows.stop * grid.size,
    )


def read_beyond(canvas: Canvas, left: int, top: int, right: int, bottom: int) -> Array:
    """Read a box that may reach beyond the picture, whose edge is repeated there."""
    inside = (max(left, 0), max(top, 0), min(right, canvas.width), min(bottom, canvas.height))
    pixels = canvas.read(inside)
    pad = ((inside[1] - top, bottom - inside[3]), (inside[0] - left, right - inside[2]), (0, 0))
    return np.pad(pixels, pad, mode="edge") if any(map(any, pad)) else pixels


def with_surroundings(values: Array, part: tuple[slice, slice], margin: int) -> Array:
    """Return a part of what is known of each block, and ``margin`` blocks more on each side, the outermost repeated."""
    places = [
        np.clip(np.arange(span.start - margin, span.stop + margin), 0, length - 1)
        for span, length in zip(part, values.shape[:2], strict=True)
    ]
    found: Array = values[np.ix_(*places)]
    return found


def _starts(length: int, side: int) -> list[int]:
    last = max(length - side, 0)
    return [*range(0, last, side), last]
