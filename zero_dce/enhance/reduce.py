"""Pictures made smaller by averaging whole blocks of pixels, a strip at a time."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from zero_dce.enhance.canvas import Canvas
from zero_dce.enhance.pixels import Array

AnyCanvas = TypeVar("AnyCanvas", bound=Canvas)
# Rows of the smaller picture that are made at a time.
ROWS = 64


def reduce_canvas(canvas: AnyCanvas, longest: int) -> AnyCanvas:
    """Return the picture with its longer side at most ``longest``, by the smallest whole factor that does it."""
    factor = math.ceil(max(canvas.width, canvas.height) / longest)
    small = canvas.blank((math.ceil(canvas.width / factor), math.ceil(canvas.height / factor)))
    for top in range(0, small.height, ROWS):
        bottom = min(top + ROWS, small.height)
        strip = canvas.read((0, top * factor, canvas.width, min(bottom * factor, canvas.height)))
        means = block_means(strip, factor)
        levels = means if canvas.dtype.kind == "f" else means.round()
        small.write((0, top, small.width, bottom), levels.astype(canvas.dtype))
    return small


def block_means(pixels: Array, factor: int) -> Array:
    """Average blocks of ``factor`` x ``factor`` pixels; at the right and lower edge, what there is of them.

    Args:
        pixels: H x W x C.
        factor: from 1.

    Returns:
        float32, ceil(H / factor) x ceil(W / factor) x C.
    """
    height, width = pixels.shape[:2]
    pad = [(0, -height % factor), (0, -width % factor), (0, 0)]
    # The last row and column stand for what is missing.
    whole = np.pad(pixels, pad, mode="edge") if any(after for _, after in pad) else pixels
    blocks = whole.reshape(whole.shape[0] // factor, factor, -1, factor, pixels.shape[2])
    means: Array = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means
