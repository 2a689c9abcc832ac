"""Reading a photograph by its content, and writing it whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from zero_dce.files import atomic
from zero_dce.images import ImageReadError, describe_error
from zero_dce.images.canvas import Canvas
from zero_dce.images.capacity import check_capacity
from zero_dce.images.formats.avif import read_avif
from zero_dce.images.formats.bmp import read_bmp
from zero_dce.images.formats.heif import read_heif, writes_heic
from zero_dce.images.formats.jp2 import read_jp2
from zero_dce.images.formats.jpeg import read_jpeg
from zero_dce.images.formats.jxl import read_jxl
from zero_dce.images.formats.photograph import CheckSize, Content, Photograph
from zero_dce.images.formats.png import read_png
from zero_dce.images.formats.raw import RawKept, read_raw
from zero_dce.images.formats.raw_tags import RAF_START
from zero_dce.images.formats.tiff import read_tiff
from zero_dce.images.formats.webp import read_webp
from zero_dce.images.identify import JP2_CODE_START, JP2_START, JXL_CODE_START, JXL_START, PNG_START, TIFF_STARTS
from zero_dce.images.suffixes import PICTURE_FORMATS, has_reader

MAX_MEGAPIXELS = 500
READERS: dict[str, Callable[[BinaryIO, CheckSize], Content]] = {
    "JPEG": read_jpeg,
    "PNG": read_png,
    "TIFF": read_tiff,
    "WEBP": read_webp,
    "BMP": read_bmp,
    "AVIF": read_avif,
    "JPEG XL": read_jxl,
    "JPEG 2000": read_jp2,
    "HEIC": read_heif,
    "RAW": read_raw,
}
# How files begin; of boxes (HEIF, AVIF, CR3), the brand of the first one.
BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (PNG_START, "PNG"),
    *((start, "TIFF") for start in TIFF_STARTS),
    (b"BM", "BMP"),
    (JXL_CODE_START, "JPEG XL"),
    (JXL_START, "JPEG XL"),
    (JP2_CODE_START, "JPEG 2000"),
    (JP2_START, "JPEG 2000"),
    # Fujifilm, Panasonic and Leica, Olympus.
    *((start, "RAW") for start in (RAF_START, b"IIU\0", b"IIRO", b"IIRS", b"MMOR")),
)
BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIC"),
    b"crx ": "RAW",
}
# Brands of HEIF whatever its code, so that those it is compatible with say whether it is AVIF.
ANY_CODE = (b"mif1", b"msf1")
# So many bytes hold what begins a file, and of boxes a first one of 60 brands.
IDENTIFYING_BYTES = 256
# What a raw file becomes, by the value of --raw-format.
RAW_RESULTS = {"tiff": "TIFF", "jpeg": "JPEG"}


def read_photograph(
    path: Path, max_megapixels: float = MAX_MEGAPIXELS, before_decoding: CheckSize | None = None
) -> Photograph:
    """Read a photograph of any of :data:`PICTURE_FORMATS`, by its content; raw files alone by their names.

    Pixels keep their depth. Palettes, single bits, CMYK and Lab become RGB, RGBA or grey of 8 bits. Of several frames
    the first is read.

    Args:
        path: the file.
        max_megapixels: larger pictures are refused by their header, before anything is decoded.
        before_decoding: is called with the width and height from the header of a picture that is not refused.

    Raises:
        ImageReadError: if the file is missing, truncated, too large, or no image that can be read, or if its header
            claims more pixels than its bytes can hold.
        MemoryError: if it does not fit in memory.
    """
    try:
        with path.open("rb") as stream:
            format_ = identify(stream, path.suffix)
            check_capacity(stream)
            content = READERS[format_](stream, _size_check(max_megapixels, before_decoding))
    except MemoryError as error:
        raise MemoryError(f"{path} does not fit in memory while it is decoded") from error
    except Exception as error:
        # Readers fail on damaged files in many ways: struct.error, IndexError, SyntaxError ...
        reason = describe_error(path, error)
        raise ImageReadError(f"cannot read {path} as an image: {reason}", reason) from error
    named = path.suffix.lower() in PICTURE_FORMATS[format_].suffixes
    notices = [] if named else [f"a {format_} file named {path.suffix or path.name}"]
    return Photograph(
        path, format_, content.canvas, content.kept, notices + content.notices, content.space, content.alpha
    )


def save_photograph(picture: Photograph, canvas: Canvas, path: Path, quality: int = 95) -> None:
    """Write pixels with the metadata and in the format of a picture, whole or not at all.

    A raw file becomes a JPEG where the name says so, else a TIFF.

    Args:
        picture: where metadata and the way of encoding come from.
        canvas: the pixels, of the kind that the picture's ``canvas.blank()`` gives; any size.
        path: the file to write; one of that name is replaced.
        quality: 1 to 100, of JPEG, and of what is not lossless in WebP, HEIC, AVIF, JPEG XL and JPEG 2000.

    Raises:
        OSError: if it cannot be written: the disk is full, the folder is not there or not writable. Nothing is left.
        ValueError: if the format cannot hold a picture of this size.
    """
    if type(canvas) is not type(picture.canvas) or canvas.dtype != picture.canvas.dtype:
        raise TypeError(f"a canvas like that of {picture.path} is needed, as its blank() gives; this is {canvas!r}")
    kept = picture.kept
    if isinstance(kept, RawKept) and path.suffix.lower() in PICTURE_FORMATS["JPEG"].suffixes:
        kept = kept.as_jpeg()
    try:
        with atomic(path) as unfinished, unfinished.open("w+b") as stream:
            kept.write(canvas, stream, quality)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror or error}"
        raise (OSError(error.errno, message) if error.errno else OSError(message)) from error


def _size_check(max_megapixels: float, before_decoding: CheckSize | None) -> CheckSize:
    def check(width: int, height: int) -> None:
        if width * height > max_megapixels * 1e6:
            raise ValueError(
                f"{width} x {height} pixels, {width * height / 1e6:.1f} megapixels: more than the limit of "
                f"{max_megapixels:g}, a decompression bomb or a reason to raise --max-megapixels"
            )
        if width < 1 or height < 1:
            raise ValueError(f"{width} x {height} pixels")
        if before_decoding is not None:
            before_decoding(width, height)

    return check


def result_suffix(suffix: str, raw_format: str = "tiff") -> str:
    """Return the suffix of what a file with this one becomes: its own, but for what cannot be written.

    Args:
        suffix: of the file.
        raw_format: what raw files become, ``tiff`` or ``jpeg``.
    """
    lower = suffix.lower()
    if lower in PICTURE_FORMATS["RAW"].suffixes:
        return PICTURE_FORMATS[RAW_RESULTS[raw_format]].suffixes[0]
    if lower in PICTURE_FORMATS["HEIC"].suffixes and has_reader("HEIC") and not writes_heic():
        return PICTURE_FORMATS["TIFF"].suffixes[0]
    return suffix


def identify(stream: BinaryIO, suffix: str) -> str:
    """Return the format of a file by its first bytes, and of a raw file, which may look like a TIFF, by its suffix.

    The stream is rewound.

    Raises:
        ValueError: if it is of no format that is read, or only one of both says that it is a raw file.
    """
    start = stream.read(IDENTIFYING_BYTES)
    stream.seek(0)
    format_ = _format_of(start)
    if not start:
        raise ValueError("an empty file")
    if suffix.lower() in PICTURE_FORMATS["RAW"].suffixes:
        if format_ not in ("TIFF", "RAW", ""):
            raise ValueError(f"a {format_} file, and no raw one: name it {PICTURE_FORMATS[format_].suffixes[0]}")
        return "RAW"
    if format_ == "RAW":
        raise ValueError("a raw file: name it as its camera does, such as .cr3, .raf, .orf or .rw2")
    if not format_:
        raise ValueError(f"not a file of {', '.join(PICTURE_FORMATS)}")
    return format_


def _format_of(start: bytes) -> str:
    """Return the format of a file by its first bytes; empty for none that is known."""
    for beginning, format_ in BEGINNINGS:
        if start.startswith(beginning):
            return format_
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp":
        return _format_of_brands(start)
    return ""


def _format_of_brands(start: bytes) -> str:
    """Return the format by the first box: its length, kind, brand, a version, and the brands it is compatible with."""
    brand, end = start[8:12], int.from_bytes(start[:4])
    if brand not in ANY_CODE:
        return BRANDS.get(brand, "")
    compatible = (start[at : at + 4] for at in range(16, min(end, len(start)), 4))
    return "AVIF" if any(BRANDS.get(other) == "AVIF" for other in compatible) else "HEIC"
