"""The tiles of a picture, laid out so that enhancing tile by tile gives the same result as the whole picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from zero_dce.images.canvas import Box

# Seven 3 x 3 convolutions see this far: a pixel further inside a tile does not depend on what lies outside the tile.
RECEPTIVE_RADIUS = 7


@dataclass(frozen=True)
class Tile:
    """A part of a picture.

    Attributes:
        window: the box that the network sees, in pixels of the picture.
        keep: the box inside ``window`` that is exact, in pixels of the picture. The ``keep`` boxes of all tiles cover
            the picture without overlap.
    """

    window: Box
    keep: Box

    @property
    def pixels(self) -> int:
        """Return the number of pixels that are kept."""
        left, top, right, bottom = self.keep
        return (right - left) * (bottom - top)

    def crop(self) -> tuple[slice, slice]:
        """Return the rows and columns of ``keep`` inside the window."""
        left, top, _, _ = self.window
        return slice(self.keep[1] - top, self.keep[3] - top), slice(self.keep[0] - left, self.keep[2] - left)


def plan_tiles(width: int, height: int, tile: int, radius: int = RECEPTIVE_RADIUS) -> list[Tile]:
    """Cover a picture with overlapping windows of one size.

    The outer windows end at the picture's border, so that the network's zero padding lies where it lies for the whole
    picture. All windows have the same size, as a backend prepares a graph per shape.

    Args:
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        tile: the longest side of ``keep``, in pixels; the window has ``radius`` more around it.
        radius: how far the network sees.

    Returns:
        The tiles, row by row.

    Raises:
        ValueError: if a side or the tile is smaller than one pixel.
    """
    if min(width, height, tile) < 1:
        raise ValueError(f"a picture of {width} x {height} pixels in tiles of {tile}; expected at least 1 everywhere")
    tiles = []
    for top, bottom, keep_top, keep_bottom in _spans(height, tile, radius):
        for left, right, keep_left, keep_right in _spans(width, tile, radius):
            tiles.append(Tile((left, top, right, bottom), (keep_left, keep_top, keep_right, keep_bottom)))
    return tiles


def _spans(length: int, tile: int, radius: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the start and end of each window along a side, and of the part of it that is kept."""
    # The outermost windows keep their outer edge, so only the inner edges lose ``radius`` pixels.
    count = max(1, math.ceil((length - 2 * radius) / tile))
    size = length if count == 1 else math.ceil((length - 2 * radius) / count) + 2 * radius
    starts = [round(index * (length - size) / max(1, count - 1)) for index in range(count)]
    # Neighbours overlap by twice the radius or more, and what they keep meets in the middle of the overlap.
    borders = [0, *((start + before + size) // 2 for before, start in pairwise(starts)), length]
    for index, start in enumerate(starts):
        yield start, start + size, borders[index], borders[index + 1]
