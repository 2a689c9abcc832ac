"""Whole pictures converted to sRGB while they are read, for files that cannot be written in their own colours."""

from __future__ import annotations

from zero_dce.images.canvas import ROWS_AT_ONCE, ArrayCanvas, PixelArray
from zero_dce.images.colour import ColourSpace
from zero_dce.images.view import SrgbView, widen


def in_srgb(pixels: PixelArray, space: ColourSpace | None, alpha: PixelArray | None = None) -> PixelArray:
    """Return a picture in sRGB, with 16 bits and colours that are not multiplied by alpha; alpha itself stays.

    Args:
        pixels: uint8, uint16 or float32 in [0, 1], H x W, or H x W x channels.
        space: what the numbers mean; ``None`` is sRGB.
        alpha: H x W, what the colours are multiplied by; ``None`` where they are not.
    """
    view = SrgbView(ArrayCanvas(pixels), space=space, alpha=alpha, between=True)
    converted = ArrayCanvas(widen(pixels)).blank()
    for top in range(0, view.height, ROWS_AT_ONCE):
        box = (0, top, view.width, min(top + ROWS_AT_ONCE, view.height))
        converted.write(box, view.read(box))
    return converted.pixels
