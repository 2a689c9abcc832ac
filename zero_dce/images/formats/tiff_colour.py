"""Conversion of a TIFF's colours to grey and RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageCms

from zero_dce.images.canvas import PixelArray
from zero_dce.images.colour import to_srgb
from zero_dce.images.formats.depth import clip_floats, fill_depth
from zero_dce.images.formats.tiff_layout import Photometric, TiffLayout

# So many pixels are converted at once.
CONVERTED_AT_ONCE = 1 << 20


def to_grey_or_rgb(pixels: PixelArray, found: TiffLayout, profile: bytes | None) -> tuple[PixelArray, str | None]:
    """Convert what is not grey or RGB of 8 or 16 bits or of floats; a notice where colours may have changed.

    Args:
        pixels: as they lie in the file; they may be changed in place.
        found: what the tags say about them.
        profile: the ICC profile.
    """
    if found.photometric == Photometric.CMYK:
        return _convert(pixels, "CMYK", profile)
    if found.photometric == Photometric.LAB:
        return _convert(pixels, "LAB", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())
    if found.photometric == Photometric.PALETTE:
        return _palette(found)[pixels], None
    if found.bits < 8:
        levels = np.linspace(0, 255, 2**found.bits).round().astype(np.uint8)
        pixels = levels[pixels.astype(np.uint8)]
    elif found.bits == 12:
        pixels = fill_depth(pixels, 12)
    notice = None
    if found.floating:
        pixels, notice = clip_floats(pixels)
    if found.photometric == Photometric.WHITE_IS_ZERO:
        grey = pixels if pixels.ndim == 2 else pixels[..., 0]
        np.subtract(1 if found.floating else np.iinfo(grey.dtype).max, grey, out=grey)
    return pixels, notice


def _palette(found: TiffLayout) -> PixelArray:
    """Return the colours of 0, 1, ...; they should have 16 bits, but some programs write 8."""
    values = np.array(found.palette, np.uint16).reshape(3, -1).T
    return (values >> 8 if values.max() > 255 else values).astype(np.uint8)


def _convert(pixels: PixelArray, mode: str, profile: bytes | None) -> tuple[PixelArray, str]:
    """Convert the colour channels to sRGB, some rows at a time; further channels stay."""
    height, width, channels = pixels.shape
    colours = len(mode)
    converted = np.empty((height, width, 3 + channels - colours), np.uint8)
    converted[..., 3:] = pixels[..., colours:]
    notice = None
    rows = max(1, CONVERTED_AT_ONCE // width)
    for top in range(0, height, rows):
        strip = pixels[top : top + rows, :, :colours]
        image = Image.frombytes(mode, (width, len(strip)), strip.tobytes())
        rgb, notice = to_srgb(image, profile)
        converted[top : top + rows, :, :3] = np.asarray(rgb)
    return converted, f"{mode}: {notice or 'converted to sRGB without a colour profile'}"
