"""Shrinking pictures by averaging whole blocks of pixels, strip by strip."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zero_dce.enhance.pixels import WHITE, FloatArray
from zero_dce.images.canvas import AnyCanvas, Canvas, PixelArray

# A strip has so many rows of the smaller picture.
ROWS = 64
# So many 16-bit values along each side of a block add up to less than 2^32.
MOST_SUMMED = 256


def reduce_canvas(canvas: AnyCanvas, longest: int) -> AnyCanvas:
    """Return the picture shrunk by the smallest whole factor that makes its longer side at most ``longest``."""
    small = canvas.blank(_reduced_size(canvas, longest))
    for (top, bottom), means in _strips(canvas, longest):
        if canvas.dtype.kind != "f":
            means = means.round()
        small.write((0, top, small.width, bottom), means.astype(canvas.dtype))
    return small


def reduced_pixels(canvas: Canvas, longest: int) -> FloatArray:
    """Return the pixels of the picture shrunk as by :func:`reduce_canvas`: float32 H x W x 3 in [0, 1], not rounded."""
    strips = [means for _, means in _strips(canvas, longest)]
    pixels: FloatArray = np.concatenate(strips) / np.float32(WHITE[canvas.dtype])
    return pixels


def covered_size(canvas: Canvas, longest: int) -> tuple[int, int]:
    """Return how many columns and rows the shrunk picture covers: those of the picture, or a few more."""
    factor = _factor(canvas, longest)
    columns, rows = _reduced_size(canvas, longest)
    return columns * factor, rows * factor


def _reduced_size(canvas: Canvas, longest: int) -> tuple[int, int]:
    factor = _factor(canvas, longest)
    return math.ceil(canvas.width / factor), math.ceil(canvas.height / factor)


def _factor(canvas: Canvas, longest: int) -> int:
    return math.ceil(max(canvas.width, canvas.height) / longest)


def _strips(canvas: Canvas, longest: int) -> Iterator[tuple[tuple[int, int], FloatArray]]:
    """Yield the rows of each strip of the smaller picture, and its pixels."""
    factor, (_, height) = _factor(canvas, longest), _reduced_size(canvas, longest)
    for top in range(0, height, ROWS):
        bottom = min(top + ROWS, height)
        strip = canvas.read((0, top * factor, canvas.width, min(bottom * factor, canvas.height)))
        yield (top, bottom), block_means(strip, factor)


def block_means(pixels: PixelArray, factor: int) -> FloatArray:
    """Average blocks of ``factor`` x ``factor`` pixels.

    Args:
        pixels: H x W x C.
        factor: at least 1.

    Returns:
        float32, ceil(H / factor) x ceil(W / factor) x C.
    """
    height, width = pixels.shape[:2]
    below, right = -height % factor, -width % factor
    if below or right:
        # Blocks that reach beyond the edge repeat the last row and column.
        pixels = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
    # Adding whole rows and columns is ten times as quick as NumPy's mean over two axes, and exact for whole numbers.
    sums_as = np.float32 if pixels.dtype.kind == "f" else np.uint64 if factor > MOST_SUMMED else np.uint32
    rows: FloatArray = pixels[::factor].astype(sums_as)
    for row in range(1, factor):
        np.add(rows, pixels[row::factor], out=rows)
    sums = rows[:, ::factor].copy()
    for column in range(1, factor):
        np.add(sums, rows[:, column::factor], out=sums)
    means: FloatArray = np.divide(sums, factor**2).astype(np.float32)
    return means
