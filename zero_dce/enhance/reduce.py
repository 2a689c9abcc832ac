"""Shrinking pictures by averaging whole blocks of pixels, strip by strip."""

from __future__ import annotations

import math

import numpy as np

from zero_dce.enhance.pixels import FloatArray
from zero_dce.images.canvas import AnyCanvas, PixelArray

# A strip has so many rows of the smaller picture.
ROWS = 64


def reduce_canvas(canvas: AnyCanvas, longest: int) -> AnyCanvas:
    """Return the picture shrunk by the smallest whole factor that makes its longer side at most ``longest``."""
    factor = math.ceil(max(canvas.width, canvas.height) / longest)
    small = canvas.blank((math.ceil(canvas.width / factor), math.ceil(canvas.height / factor)))
    for top in range(0, small.height, ROWS):
        bottom = min(top + ROWS, small.height)
        strip = canvas.read((0, top * factor, canvas.width, min(bottom * factor, canvas.height)))
        means = block_means(strip, factor)
        if canvas.dtype.kind != "f":
            means = means.round()
        small.write((0, top, small.width, bottom), means.astype(canvas.dtype))
    return small


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
    blocks = pixels.reshape(len(pixels) // factor, factor, -1, factor, pixels.shape[2])
    means: FloatArray = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means
