"""Turning pictures as a viewer would, by their EXIF orientation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zero_dce.images.canvas import ArrayCanvas, Canvas, PillowCanvas, PixelArray
from zero_dce.images.decode import UPRIGHT
from zero_dce.images.formats.photograph import Photograph

# The orientations that need each step with arrays; every step gives a view.
FLIP_DOWN, FLIP_ACROSS, TRANSPOSE = {3, 4, 7, 8}, {2, 3, 6, 7}, {5, 6, 7, 8}


def turn_upright(picture: Photograph, canvas: Canvas) -> Canvas:
    """Turn pixels in the stored orientation of a picture upright: a copy of a Pillow image, a view of an array."""
    orientation = picture.kept.orientation
    if isinstance(canvas, PillowCanvas):
        return PillowCanvas(canvas.image.transpose(UPRIGHT[orientation])) if orientation in UPRIGHT else canvas
    if isinstance(canvas, ArrayCanvas):
        return ArrayCanvas(_turn(canvas.pixels, orientation))
    raise TypeError(f"a PillowCanvas or an ArrayCanvas is needed, not a {type(canvas).__name__}")


def upright(picture: Photograph) -> Photograph:
    """Return the picture with orientation 1 in its metadata, for saving pixels of any size that are upright already.

    Its canvas is still the one as stored.
    """
    return replace(picture, kept=picture.kept.upright())


def _turn(pixels: PixelArray, orientation: int) -> PixelArray:
    if orientation in TRANSPOSE:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in FLIP_DOWN:
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in FLIP_ACROSS else pixels
