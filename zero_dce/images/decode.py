"""Decode image files to pixels in sRGB, with Pillow, or with the readers of :mod:`zero_dce.images.formats`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from zero_dce.images import ImageReadError, describe_error
from zero_dce.images.capacity import check_capacity
from zero_dce.images.identify import goes_to_reader, other_format
from zero_dce.images.jpeg_file import BareJpegFile
from zero_dce.images.suffixes import PICTURE_FORMATS

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
# The formats that Pillow reads here: it knows many more, some of them by programs that it starts.
PILLOW_FORMATS = ("PNG", "WEBP", "BMP")


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
        ImageReadError: if the file is missing, truncated or not an image, or claims more pixels than it can hold.
    """
    try:
        with path.open("rb") as stream:
            check_capacity(stream)
            needs_reader = goes_to_reader(stream, path)
        if needs_reader:
            return _decode_fully(path, resize)
        with _open(path) as file:
            return _decode(file, path.suffix, resize)
    except MemoryError as error:
        raise MemoryError(f"{path} does not fit in memory while it is decoded") from error
    except Exception as error:
        # On a corrupt header Pillow's readers raise errors of many kinds: struct.error, IndexError, SyntaxError ...
        reason, remedy = _why(path, error)
        raise ImageReadError(f"cannot read {path} as an image: {reason}{remedy}", reason) from error


def _why(path: Path, error: Exception) -> tuple[str, str]:
    """Return why a file cannot be read, and what to do."""
    if isinstance(error, UnidentifiedImageError) and (other := other_format(path)):
        reason = f"{other} file; expected {', '.join(PICTURE_FORMATS)}"
        return reason, ". Convert it or take it out of the data set"
    missing = isinstance(error.__cause__, ModuleNotFoundError)
    return describe_error(path, error), "" if missing else ". Repair it or take it out of the data set"


def header_size(path: Path) -> tuple[int, int]:
    """Return the width and height that a file's header gives, as stored; nothing is decoded.

    Raises:
        ImageReadError: if a reader finds it damaged; Pillow raises what it likes, also where it is of another format.
        ValueError: if it claims more pixels than it can hold.
    """
    with path.open("rb") as stream:
        check_capacity(stream)
        if not goes_to_reader(stream, path):
            return _open(stream).size
    from zero_dce.images.formats import read_photograph

    sizes: list[tuple[int, int]] = []

    def note(width: int, height: int) -> None:
        sizes.append((width, height))
        raise ValueError("its size is known, which is enough")

    try:
        read_photograph(path, math.inf, note)
    except ImageReadError:
        if not sizes:
            raise
    return sizes[0]


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


def _open(source: Path | BinaryIO) -> Image.Image:
    """Open what Pillow reads of the formats of pictures, as ``Image.open`` does, and a JPEG without its EXIF."""
    try:
        file = BareJpegFile(source)
    except SyntaxError:
        return Image.open(source, formats=PILLOW_FORMATS)
    _check_megapixels(*file.size)
    return file


def _decode(file: Image.Image, suffix: str, resize: Resize) -> Decoded:
    notices = _notices(file, suffix)
    profile = file.info.get("icc_profile")
    orientation = _orientation(file)
    sideways = orientation in SIDEWAYS
    width, height = reversed(file.size) if sideways else file.size
    target = resize(width, height)
    # Resizing comes before turning, as a small picture is turned faster than a large one.
    stored = (target[1], target[0]) if sideways else target
    # This scales JPEGs while decoding, never below the requested size; other formats ignore it. CMYK stays CMYK.
    file.draft("RGB", stored)
    small = _resizable(file).resize(stored, Image.Resampling.LANCZOS, reducing_gap=2.0)
    coloured, notice = _to_srgb(small, profile)
    upright = coloured.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else coloured
    return Decoded(np.asarray(upright), width, height, notices + ([notice] if notice else []))


def _decode_fully(path: Path, resize: Resize) -> Decoded:
    """Decode a picture as enhancing does, convert it to sRGB with all its bits, and then cut it to 8 and resize it."""
    # Training on JPEG needs none of it.
    from zero_dce.images.canvas import ROWS_AT_ONCE
    from zero_dce.images.formats import read_photograph
    from zero_dce.images.view import narrow

    picture = read_photograph(path, math.inf, _check_megapixels)
    view = picture.view()
    pixels = np.empty((view.height, view.width, 3), np.uint8)
    for top in range(0, view.height, ROWS_AT_ONCE):
        bottom = min(top + ROWS_AT_ONCE, view.height)
        strip = view.read((0, top, view.width, bottom))
        pixels[top:bottom] = strip if strip.dtype == np.uint8 else narrow(strip)
    target = resize(view.width, view.height)
    small = Image.fromarray(pixels).resize(target, Image.Resampling.LANCZOS, reducing_gap=2.0)
    notices = list(picture.notices)
    if view.width * view.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        notices.append(f"{view.width * view.height / 1e6:.0f} megapixels")
    if view.bits > 8:
        notices.append(f"{view.bits} bits: taken as 8")
    if picture.space is not None:
        notices.append(f"{picture.space.description}: converted to sRGB")
    if picture.transparent:
        notices.append("transparency: ignored")
    return Decoded(np.asarray(small), view.width, view.height, notices)


def _check_megapixels(width: int, height: int) -> None:
    """Raise as Pillow does for other formats."""
    if width * height > 2 * (Image.MAX_IMAGE_PIXELS or math.inf):
        raise Image.DecompressionBombError


def _orientation(file: Image.Image) -> int:
    """Return the orientation that the EXIF block gives, as browsers do.

    Pillow looks into XMP too, and copies the value of every tag.
    """
    if file.format == "PNG" and "exif" not in file.info:
        # Only the chunks before the pixels are read until they are decoded.
        file.load()
    block = file.info.get("exif", b"")
    if not block:
        return 1
    # Training pictures mostly have none.
    from zero_dce.images.exif import EXIF_PREFIX, orientation_of

    return orientation_of(block.removeprefix(EXIF_PREFIX))


def _to_srgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    if not profile:
        return picture.convert("RGB"), None
    # Few files have a profile, and only they need LittleCMS.
    from zero_dce.images.colour import to_srgb

    return to_srgb(picture, profile)


def _resizable(file: Image.Image) -> Image.Image:
    """Convert a picture to 8 bits and to a mode that can be resized."""
    if file.mode.startswith("I;16"):
        # Pillow's own conversion would clip nearly everything to white.
        return Image.fromarray((np.asarray(file) * (255 / (2 ** _bits(file) - 1))).round().astype(np.uint8))
    if file.mode in ("I", "F"):
        raise ValueError(f"its pixels are of Pillow's mode {file.mode}, whose range is not known")
    return file if file.mode in DIRECT_MODES else file.convert(BECOMES.get(file.mode, "RGB"))


def _notices(file: Image.Image, suffix: str) -> list[str]:
    notices = []
    expected = Image.registered_extensions().get(suffix.lower())
    if file.format != expected:
        notices.append(f"a {file.format} file named {suffix}")
    frames = getattr(file, "n_frames", 1)
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
    # In a BMP, 16 bits are those of a whole pixel.
    return 16 if file.format != "BMP" and ";16" in f"{file.mode} {getattr(file, 'tile', '')}" else 8
