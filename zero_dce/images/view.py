"""A stored picture as a person sees it: upright, in sRGB, and with colours that are not multiplied by alpha."""

from __future__ import annotations

from typing import Any

import numpy as np

from zero_dce.images.canvas import Box, Canvas, PixelArray, check_box, check_tile
from zero_dce.images.colour import ColourSpace

# The orientations that need each step with arrays, in this order; every step gives a view.
TRANSPOSE, FLIP_DOWN, FLIP_ACROSS = {5, 6, 7, 8}, {3, 4, 7, 8}, {2, 3, 6, 7}


class SrgbView:
    """A canvas that converts what it reads from a stored one, and converts back what is written.

    Nothing is held beside the stored canvas, so that a picture of any size is converted tile by tile. Where colours are
    converted, there are 16 bits between, so that none is lost.

    Args:
        stored: the pixels as stored.
        orientation: the EXIF orientation, 1 to 8.
        space: what the stored numbers mean; ``None`` is sRGB.
        alpha: of H x W as stored, what the stored colours are multiplied by; ``None`` where they are not.
        between: whether there are 16 bits between although nothing is converted.
    """

    def __init__(
        self,
        stored: Canvas,
        orientation: int = 1,
        space: ColourSpace | None = None,
        alpha: PixelArray | None = None,
        between: bool = False,
    ) -> None:
        self.stored, self._orientation, self._space, self._alpha = stored, orientation, space, alpha
        sides = (stored.width, stored.height)
        self.width, self.height = sides[::-1] if orientation in TRANSPOSE else sides
        self._between = between or space is not None or alpha is not None
        self.dtype: np.dtype[Any] = np.dtype(np.uint16) if self._between else stored.dtype
        self.bits = stored.bits

    def read(self, box: Box) -> PixelArray:
        """Copy a box: h x w x 3, sRGB, upright."""
        check_box(self, box)
        place = self._place(box)
        pixels = self.stored.read(place)
        if self._alpha is not None:
            pixels = _divide(widen(pixels), widen(self._cut(place)))
        if self._space is not None:
            pixels = self._space.to_srgb(widen(pixels) if pixels.dtype.kind == "f" else pixels)
        if self._between:
            pixels = widen(pixels)
        return np.ascontiguousarray(turn(pixels, self._orientation))

    def write(self, box: Box, tile: PixelArray) -> None:
        """Write h x w x 3, sRGB, upright."""
        check_tile(self, box, tile)
        place = self._place(box)
        pixels = np.ascontiguousarray(_turn_back(tile, self._orientation))
        if self._space is not None:
            pixels = self._space.from_srgb(pixels)
        if self._alpha is not None:
            pixels = _multiply(pixels, widen(self._cut(place)))
        if self._between and self.stored.dtype == np.uint8:
            pixels = narrow(pixels)
        elif self._between and self.stored.dtype == np.float32:
            pixels = pixels / np.float32(65535)
        self.stored.write(place, pixels)

    def blank(self, size: tuple[int, int] | None = None) -> SrgbView:
        """Return a view of a black picture of the same kind; one of another ``size`` is stored upright and opaque.

        Where the colour space has no way back from sRGB, what is written is stored as sRGB.
        """
        space = self._space if self._space is None or self._space.invertible else None
        if size is not None:
            return SrgbView(self.stored.blank(size), 1, space, between=self._between)
        return SrgbView(self.stored.blank(), self._orientation, space, self._alpha, between=self._between)

    def _place(self, box: Box) -> Box:
        """Return where a box of the upright picture is stored."""
        left, top, right, bottom = box
        if self._orientation in FLIP_ACROSS:
            left, right = self.width - right, self.width - left
        if self._orientation in FLIP_DOWN:
            top, bottom = self.height - bottom, self.height - top
        return (top, left, bottom, right) if self._orientation in TRANSPOSE else (left, top, right, bottom)

    def _cut(self, place: Box) -> PixelArray:
        assert self._alpha is not None
        left, top, right, bottom = place
        return self._alpha[top:bottom, left:right, None]


def turn(pixels: PixelArray, orientation: int) -> PixelArray:
    """Turn an array, H x W x C in the stored orientation, upright; it is a view."""
    if orientation in TRANSPOSE:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in FLIP_DOWN:
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in FLIP_ACROSS else pixels


def narrow(pixels: PixelArray) -> PixelArray:
    """Round uint16, or floats in [0, 1], to uint8."""
    if pixels.dtype.kind == "f":
        rounded: PixelArray = np.rint(pixels * 255).astype(np.uint8)
        return rounded
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def widen(pixels: PixelArray) -> PixelArray:
    """Turn uint8, or floats in [0, 1], into uint16, which itself stays."""
    if pixels.dtype.kind == "f":
        rounded: PixelArray = np.rint(pixels * 65535).astype(np.uint16)
        return rounded
    return pixels.astype(np.uint16) * 257 if pixels.dtype == np.uint8 else pixels


def _turn_back(pixels: PixelArray, orientation: int) -> PixelArray:
    if orientation in FLIP_ACROSS:
        pixels = pixels[:, ::-1]
    if orientation in FLIP_DOWN:
        pixels = pixels[::-1]
    return np.swapaxes(pixels, 0, 1) if orientation in TRANSPOSE else pixels


def _divide(colours: PixelArray, alpha: PixelArray) -> PixelArray:
    """Undo a multiplication by alpha, both uint16; under full transparency there is no colour, and it stays black."""
    full = (colours.astype(np.uint32) * 65535 + alpha // 2) // np.maximum(alpha, 1)
    return np.where(alpha > 0, np.minimum(full, 65535), 0).astype(np.uint16)


def _multiply(colours: PixelArray, alpha: PixelArray) -> PixelArray:
    """Multiply by alpha of the same type, and round: no colour exceeds its alpha."""
    white = np.iinfo(alpha.dtype).max
    return ((colours.astype(np.uint32) * alpha + white // 2) // white).astype(alpha.dtype)
