"""Decode image files to pixels in sRGB, with Pillow."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

Pixels = npt.NDArray[np.uint8]
# A function from the width and height of an upright picture to those that it is resized to.
Resize = Callable[[int, int], tuple[int, int]]

# Modes of Pillow that can be resized, and what others are converted to first (RGB, if not listed).
DIRECT_MODES = ("L", "RGB", "CMYK")
BECOMES = {"1": "L", "LA": "L"}
# The operation that makes a picture upright, by its EXIF orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)
# Pillow calls a camera's JPEG with a preview inside MPO.
SAME_FORMAT = {"MPO": "JPEG"}
# sRGB profiles of different makers differ by at most this many of 255 levels.
SRGB_TOLERANCE = 2


class ImageReadError(ValueError):
    """A file cannot be read as an image; the message names it, ``reason`` says why in a few words."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    Attributes:
        pixels: uint8, H x W x 3, sRGB, upright.
        width, height: those of the picture in the file, upright.
        notices: what is unusual about the file, and how it was treated.
    """

    pixels: Pixels
    width: int
    height: int
    notices: list[str]


def decode(path: Path, resize: Resize) -> Decoded:
    """Decode an image, upright by its EXIF orientation and in sRGB by its ICC profile, and resize it.

    JPEGs are decoded at the smallest sufficient of their scales (1, 1/2, 1/4, 1/8), which is several times faster for a
    camera's files.

    Raises:
        ImageReadError: if the file is missing, truncated or not an image.
    """
    try:
        with Image.open(path) as file:
            return _decode(file, path.suffix, resize)
    except MemoryError as error:
        raise MemoryError(f"{path} does not fit in memory while it is decoded") from error
    except Exception as error:
        # On a corrupt header Pillow's readers raise errors of many kinds: struct.error, IndexError, SyntaxError ...
        reason = describe_error(path, error)
        raise ImageReadError(
            f"cannot read {path} as an image: {reason}. Repair it or take it out of the data set", reason
        ) from error


def decode_square(path: Path, size: int) -> Pixels:
    """Decode an image and squash it to ``size`` x ``size``, as the released code does; errors are :func:`decode`'s."""
    return decode(path, lambda _width, _height: (size, size)).pixels


def decode_within(path: Path, longest: int) -> Pixels:
    """Decode an image and shrink it so that its longer side is at most ``longest``; errors are :func:`decode`'s."""
    return decode(path, within(longest)).pixels


def within(longest: int) -> Resize:
    """Return a resize that shrinks in proportion to a longer side of at most ``longest`` and never enlarges."""
    return lambda width, height: scale_sides(width, height, min(1.0, longest / max(width, height)))


def scale_sides(width: int, height: int, factor: float) -> tuple[int, int]:
    """Scale both sides and round them to whole pixels, at least one."""
    return max(1, round(width * factor)), max(1, round(height * factor))


def _decode(file: Image.Image, suffix: str, resize: Resize) -> Decoded:
    notices = _notices(file, suffix)
    profile = file.info.get("icc_profile")
    # Pillow itself makes TIFF files upright.
    orientation = 1 if file.format == "TIFF" else file.getexif().get(ExifTags.Base.Orientation)
    sideways = orientation in SIDEWAYS
    width, height = reversed(file.size) if sideways else file.size
    target = resize(width, height)
    # Resizing comes before turning, as a small picture is turned faster than a large one.
    stored = (target[1], target[0]) if sideways else target
    # This scales JPEGs while decoding, never below the requested size; other formats ignore it. CMYK stays CMYK.
    file.draft("RGB", stored)
    small = _resizable(file).resize(stored, Image.Resampling.LANCZOS, reducing_gap=2.0)
    coloured, notice = to_srgb(small, profile)
    upright = coloured.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else coloured
    return Decoded(np.asarray(upright), width, height, notices + ([notice] if notice else []))


def _resizable(file: Image.Image) -> Image.Image:
    """Convert a picture to 8 bits and to a mode that can be resized."""
    if file.mode.startswith("I;16"):
        # Pillow's own conversion would clip nearly everything to white.
        return Image.fromarray((np.asarray(file) * (255 / (2 ** _bits(file) - 1))).round().astype(np.uint8))
    if file.mode in ("I", "F"):
        raise ValueError(f"its pixels are of Pillow's mode {file.mode}, whose range is not known")
    return file if file.mode in DIRECT_MODES else file.convert(BECOMES.get(file.mode, "RGB"))


def to_srgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """Convert to RGB by an embedded colour profile; return a notice of what the profile did."""
    transform, notice = _transform(profile, picture.mode) if profile else (None, None)
    if transform:
        return ImageCms.applyTransform(picture, transform) or picture, notice
    return picture.convert("RGB"), notice


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str | None]:
    """Return the conversion from a colour profile to sRGB; ``None`` where it is sRGB already, or cannot be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        description = ImageCms.getProfileDescription(source).strip()
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        return None, f"colour profile of no use ({error}): taken as sRGB"
    if mode == "RGB" and _changes_nothing(transform):
        return None, None
    return transform, f"colour profile {description!r}: converted to sRGB"


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Tell whether a conversion changes no colour of a grid: a profile's name, as "linear sRGB", may mislead."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, len(levels), 3)
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(colours), transform))
    return int(np.abs(converted.astype(int) - colours).max()) <= SRGB_TOLERANCE


def _notices(file: Image.Image, suffix: str) -> list[str]:
    notices = []
    format_ = SAME_FORMAT.get(file.format or "", file.format)
    expected = Image.registered_extensions().get(suffix.lower())
    if format_ != expected:
        notices.append(f"a {format_} file named {suffix}")
    frames = getattr(file, "n_frames", 1) if file.format != "MPO" else 1
    if frames > 1:
        notices.append(f"{frames} frames: the first is taken")
    if file.width * file.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        notices.append(f"{file.width * file.height / 1e6:.0f} megapixels")
    if _bits(file) > 8:
        notices.append(f"{_bits(file)} bits: taken as 8")
    if file.mode == "CMYK":
        notices.append("CMYK: converted")
    if file.mode in ("P", "PA"):
        notices.append("palette colours: converted")
    if file.has_transparency_data:
        notices.append("transparency: ignored")
    return notices


def _bits(file: Image.Image) -> int:
    """Return the bits per channel in the file: Pillow opens 16-bit RGB as 8-bit and shows only how it unpacks."""
    if isinstance(file, TiffImageFile):
        return int(file.tag_v2.get(ExifTags.Base.BitsPerSample, (8,))[0])
    # In a BMP, 16 bits are those of a whole pixel.
    return 16 if file.format != "BMP" and ";16" in f"{file.mode} {getattr(file, 'tile', '')}" else 8


def describe_error(path: Path, error: Exception) -> str:
    """Say in a few words why a file cannot be read, for any error of the readers."""
    if isinstance(error, UnidentifiedImageError):
        return "not an image" if path.stat().st_size else "an empty file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, Image.DecompressionBombError):
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        return f"more than {most:.0f} megapixels: a decompression bomb, or to be scaled down first"
    return str(error).strip() or type(error).__name__
