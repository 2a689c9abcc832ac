"""From an image file to pixels, with Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Pixels = npt.NDArray[np.uint8]


class ImageReadError(ValueError):
    """A file cannot be read as an image; the message names it."""


def decode_square(path: Path, size: int) -> Pixels:
    """Decode an image and squash it to ``size`` x ``size``, as the released code does.

    JPEGs are decoded at the smallest sufficient of their scales (1, 1/2, 1/4, 1/8), several times quicker for a
    camera's files.

    Returns:
        uint8, shape size x size x 3, RGB.

    Raises:
        ImageReadError: if the file is missing, truncated or no image.
    """
    picture = _open_rgb(path, size, size)
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0))


def decode_within(path: Path, longest: int) -> Pixels:
    """Decode an image and shrink it so that its longer side is at most ``longest``; proportions stay.

    Returns:
        uint8, shape H x W x 3, RGB.

    Raises:
        ImageReadError: if the file is missing, truncated or no image.
    """
    picture = _open_rgb(path, longest, longest)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.asarray(picture)


def _open_rgb(path: Path, width: int, height: int) -> Image.Image:
    try:
        with Image.open(path) as file:
            # JPEG only, and never below the size asked for; other formats ignore it.
            file.draft("RGB", (width, height))
            upright = ImageOps.exif_transpose(file)
            return _eight_bits(upright).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageReadError(
            f"cannot read {path} as an image: {error}. Repair it or take it out of the data set"
        ) from error


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion would clip it to nearly all white."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) / 257).round().astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError(f"its pixels are of Pillow's mode {picture.mode}, whose range is not known")
    return picture
