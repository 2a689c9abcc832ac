"""Pixels of any number of bits in the 8 or 16 bits of a canvas, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from zero_dce.images.canvas import ROWS_AT_ONCE, PixelArray


def fill_depth(pixels: PixelArray, bits: int) -> PixelArray:
    """Scale whole numbers of 1 to 16 bits to all values of uint8 or uint16; those of 8 and 16 bits are returned as is.

    Raises:
        ValueError: if they have another number of bits.
    """
    if not 1 <= bits <= 16:
        raise ValueError(f"it has {bits} bits a channel; 1 to 16 are read")
    width = 8 if bits <= 8 else 16
    return _scale(pixels, 2**bits - 1, 2**width - 1, np.dtype(f"u{width // 8}"))


def cut_depth(pixels: PixelArray, bits: int) -> PixelArray:
    """Undo :func:`fill_depth`: round uint8 or uint16 to whole numbers of so many bits."""
    return _scale(pixels, np.iinfo(pixels.dtype).max, 2**bits - 1, pixels.dtype)


def to_8_bits(pixels: PixelArray) -> PixelArray:
    """Round uint16 to uint8."""
    return _scale(pixels, 65535, 255, np.dtype(np.uint8))


def clip_floats(pixels: PixelArray) -> tuple[PixelArray, str | None]:
    """Return floating-point numbers as float32 in [0, 1], and a notice where there were others.

    Raises:
        ValueError: if these are more than half: the numbers have another range, such as to 255.
    """
    clipped = np.empty(pixels.shape, np.float32)
    outside = 0
    for top in range(0, len(pixels), ROWS_AT_ONCE):
        rows = pixels[top : top + ROWS_AT_ONCE]
        # What is no number compares as neither.
        outside += rows.size - int(((rows >= 0) & (rows <= 1)).sum())
        clipped[top : top + ROWS_AT_ONCE] = np.nan_to_num(rows, nan=0.0).clip(0, 1)
    if not outside:
        return clipped, None
    if outside > pixels.size / 2:
        raise ValueError(
            "most of its floating-point numbers are not in [0, 1], so that their range is not known: divide them by "
            "the one that means white"
        )
    share = 100 * outside / pixels.size
    return clipped, (
        f"{share:.2g} % of its floating-point numbers are not in [0, 1]: those above are taken as 1, white, all others "
        "as 0, black"
    )


def _scale(pixels: PixelArray, most: int, new_most: int, dtype: np.dtype[Any]) -> PixelArray:
    if most == new_most:
        return pixels.astype(dtype, copy=False)
    scaled = np.empty(pixels.shape, dtype)
    for top in range(0, len(pixels), ROWS_AT_ONCE):
        rows = pixels[top : top + ROWS_AT_ONCE].astype(np.uint32)
        # The products stay below 2^32; what a damaged file has beyond its bits becomes white.
        scaled[top : top + ROWS_AT_ONCE] = (np.minimum(rows, most) * new_most + most // 2) // most
    return scaled
