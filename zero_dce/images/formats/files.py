"""Reading a photograph by its content, and writing it whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from zero_dce.files import atomic
from zero_dce.images import ImageReadError, describe_error
from zero_dce.images.canvas import Canvas
from zero_dce.images.capacity import check_capacity
from zero_dce.images.formats.bmp import read_bmp
from zero_dce.images.formats.jpeg import read_jpeg
from zero_dce.images.formats.photograph import CheckSize, Content, Photograph
from zero_dce.images.formats.png import read_png
from zero_dce.images.formats.tiff import read_tiff
from zero_dce.images.formats.webp import read_webp

MAX_MEGAPIXELS = 500
READERS: dict[str, Callable[[BinaryIO, CheckSize], Content]] = {
    "JPEG": read_jpeg,
    "PNG": read_png,
    "TIFF": read_tiff,
    "WEBP": read_webp,
    "BMP": read_bmp,
}
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
}


def read_photograph(
    path: Path, max_megapixels: float = MAX_MEGAPIXELS, before_decoding: CheckSize | None = None
) -> Photograph:
    """Read a photograph: JPEG, PNG, TIFF, WebP or BMP, by its content and not by its name.

    16-bit PNG and TIFF files keep their 16 bits. Palettes, single bits, CMYK and Lab become RGB, RGBA or grey of
    8 bits. Of several frames the first is read.

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
            format_ = _identify(stream)
            check_capacity(stream)
            content = READERS[format_](stream, _size_check(max_megapixels, before_decoding))
    except MemoryError as error:
        raise MemoryError(f"{path} does not fit in memory while it is decoded") from error
    except Exception as error:
        # Readers fail on damaged files in many ways: struct.error, IndexError, SyntaxError ...
        reason = describe_error(path, error)
        raise ImageReadError(f"cannot read {path} as an image: {reason}", reason) from error
    notices = [] if path.suffix.lower() in SUFFIXES[format_] else [f"a {format_} file named {path.suffix or path.name}"]
    return Photograph(
        path, format_, content.canvas, content.kept, notices + content.notices, content.space, content.alpha
    )


def save_photograph(picture: Photograph, canvas: Canvas, path: Path, quality: int = 95) -> None:
    """Write pixels with the metadata and in the format of a picture, whole or not at all.

    Args:
        picture: where metadata and the way of encoding come from.
        canvas: the pixels, of the kind that the picture's ``canvas.blank()`` gives; any size.
        path: the file to write; one of that name is replaced.
        quality: 1 to 100, of JPEG and of a WebP that is not lossless.

    Raises:
        OSError: if it cannot be written: the disk is full, the folder is not there or not writable. Nothing is left.
        ValueError: if the format cannot hold a picture of this size.
    """
    if type(canvas) is not type(picture.canvas) or canvas.dtype != picture.canvas.dtype:
        raise TypeError(f"a canvas like that of {picture.path} is needed, as its blank() gives; this is {canvas!r}")
    try:
        with atomic(path) as unfinished, unfinished.open("w+b") as stream:
            picture.kept.write(canvas, stream, quality)
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


def _identify(stream: BinaryIO) -> str:
    start = stream.read(12)
    stream.seek(0)
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    if start.startswith(b"BM"):
        return "BMP"
    raise ValueError("an empty file" if not start else "not a JPEG, PNG, TIFF, WebP or BMP file")
