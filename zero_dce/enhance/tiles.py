"""Where the tiles of a picture lie, so that enhancing tile by tile gives the same picture as the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from zero_dce.enhance.canvas import Box

# Seven 3x3 convolutions see this far: a pixel further inside than this does not depend on what lies outside.
RADIUS = 7
SMALLEST_TILE = 1


@dataclass(frozen=True)
class Tile:
    """A part of a picture.

    Attributes:
        window: what the network sees, in pixels of the picture.
        keep: the part of ``window`` that is exact, in pixels of the picture. The ``keep`` of all tiles cover the
            picture without overlap.
    """

    window: Box
    keep: Box

    @property
    def pixels(self) -> int:
        """Return how many pixels are kept."""
        left, top, right, bottom = self.keep
        return (right - left) * (bottom - top)

    def crop(self) -> tuple[slice, slice]:
        """Return rows and columns of ``keep`` inside the window."""
        left, top, _, _ = self.window
        return slice(self.keep[1] - top, self.keep[3] - top), slice(self.keep[0] - left, self.keep[2] - left)


def plan_tiles(width: int, height: int, tile: int, radius: int = RADIUS) -> list[Tile]:
    """Cover a picture with overlapping windows of one size.

    At the picture's border a window ends with it, so that the network's own zero padding lies where it lies for the
    whole picture. All windows have the same size: a backend prepares for one shape.

    Args:
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        tile: the most that is kept of a window on either side, in pixels; the window has ``radius`` more around it.
        radius: how far the network sees.

    Returns:
        The tiles, row by row.

    Raises:
        ValueError: if a side or the tile is smaller than one pixel.
    """
    if min(width, height, tile) < SMALLEST_TILE:
        raise ValueError(f"a picture of {width} x {height} pixels in tiles of {tile}; expected at least 1 everywhere")
    columns, rows = list(_spans(width, tile, radius)), list(_spans(height, tile, radius))
    return [
        Tile((left, top, right, bottom), (keep_left, keep_top, keep_right, keep_bottom))
        for top, bottom, keep_top, keep_bottom in rows
        for left, right, keep_left, keep_right in columns
    ]


def _spans(length: int, tile: int, radius: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield start and end of each window along a side, and of what is kept of it."""
    # What borders of the picture need not be cut off: the outermost windows keep their outer edge.
    count = max(1, math.ceil((length - 2 * radius) / tile))
    size = length if count == 1 else math.ceil((length - 2 * radius) / count) + 2 * radius
    starts = [round(index * (length - size) / max(1, count - 1)) for index in range(count)]
    # Neighbours overlap by twice the radius or more: their border is the middle of the overlap.
    borders = [0, *((start + before + size) // 2 for before, start in pairwise(starts)), length]
    for index, start in enumerate(starts):
        yield start, start + size, borders[index], borders[index + 1]
