"""A photograph whose colours are converted once, however often its pixels are read."""

from __future__ import annotations

from zero_dce.images.canvas import Box, PixelArray
from zero_dce.images.view import SrgbView


class ConvertedOnce:
    """A canvas with the pixels of a view, which are kept beside it; what is written goes to the view.

    A view converts what it reads each time, which takes longer than enhancing it, and enhancing reads a picture six
    times.

    Args:
        view: the photograph, upright and in sRGB.
        keep: whether its pixels are kept; they need 6 bytes each where colours are converted.
    """

    def __init__(self, view: SrgbView, keep: bool) -> None:
        self.view = view
        self.width, self.height, self.dtype, self.bits = view.width, view.height, view.dtype, view.bits
        self._pixels = view.read((0, 0, view.width, view.height)) if keep else None

    def read(self, box: Box) -> PixelArray:
        """Copy a box: h x w x 3, sRGB, upright."""
        if self._pixels is None:
            return self.view.read(box)
        left, top, right, bottom = box
        return self._pixels[top:bottom, left:right].copy()

    def write(self, box: Box, tile: PixelArray) -> None:
        """Write h x w x 3, sRGB, upright, to the view."""
        self.view.write(box, tile)

    def blank(self, size: tuple[int, int] | None = None) -> ConvertedOnce:
        """Return a black picture of the same kind, which keeps nothing."""
        return ConvertedOnce(self.view.blank(size), keep=False)
