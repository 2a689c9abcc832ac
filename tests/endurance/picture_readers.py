"""The readers of pictures: whole files, as enhancing and as training read them."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.endurance.picture_seeds import (
    avifs,
    bmps,
    gifs,
    heics,
    jp2s,
    jpegs,
    jxls,
    pngs,
    raws,
    repair_png,
    tiffs,
    webps,
)
from tests.endurance.reader import Reader, documented, require, scratch
from tests.helpers.photographs import copy_through
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_square
from zero_dce.images.formats import Photograph, read_photograph, save_photograph
from zero_dce.images.identify import PNG_SPACES

MOST_MEGAPIXELS = 1


@functools.cache
def small_pictures() -> Path:
    """Return this process's folder, in which no picture is larger than a megapixel from now on."""
    # Pillow refuses twice as many.
    Image.MAX_IMAGE_PIXELS = MOST_MEGAPIXELS * 1_000_000 // 2
    return scratch()


def check_picture(name: str, content: bytes) -> None:
    """Read a picture as enhancing does and as training does; what is read can be written and read again."""
    file = small_pictures() / name
    file.write_bytes(content)
    with documented(str(file), ImageReadError):
        pixels = decode_square(file, 16)
        require(pixels.shape == (16, 16, 3) and pixels.dtype == np.uint8, f"a square of {pixels.shape}")
    picture = None
    with documented(str(file), ImageReadError):
        picture = read_photograph(file, MOST_MEGAPIXELS).writable()
    if picture is not None:
        check_valid(picture)
        check_written(picture, file)


def check_valid(picture: Photograph) -> None:
    """Raise BrokenPropertyError unless all pixels are there, finite and of a type that is computed with."""
    view = picture.view()
    require(0 < view.width * view.height <= MOST_MEGAPIXELS * 1e6, f"{view.width} x {view.height} pixels")
    pixels = view.read((0, 0, view.width, view.height))
    require(pixels.shape == (view.height, view.width, 3), f"pixels of shape {pixels.shape}")
    require(pixels.dtype in (np.uint8, np.uint16, np.float32), f"pixels of {pixels.dtype}")
    if pixels.dtype.kind == "f":
        require(bool(np.isfinite(pixels).all()), "pixels that are not finite")
        require(pixels.min() >= 0 and pixels.max() <= 1, f"pixels of {pixels.min()} to {pixels.max()}")


def check_written(picture: Photograph, file: Path) -> None:
    """Raise unless what was read can be written, and read again with the same size, type and orientation."""
    written = file.with_name(f"written{'.tif' if picture.format == 'RAW' else file.suffix}")
    save_photograph(picture, copy_through(picture, 1024), written)
    again = read_photograph(written)
    for what in ("width", "height"):
        require(getattr(again, what) == getattr(picture, what), f"another {what} after writing")
    require(again.canvas.dtype == picture.canvas.dtype, f"{again.canvas.dtype} after writing")
    require(again.kept.orientation == picture.kept.orientation, "another orientation after writing")


def picture_reader(
    name: str,
    suffix: str,
    seeds: Callable[[], Iterable[bytes]],
    *tokens: bytes,
    repair: Callable[[bytes], bytes] | None = None,
) -> Reader:
    """Return the reader of a format of pictures."""
    check = functools.partial(check_picture, f"picture{suffix}")
    return Reader(name, check, seeds, ("zero_dce.images",), tokens, repair)


TIFF_TOKENS = tuple(
    struct.pack("<HH", number, type_) for number in (*range(254, 285), 317, 322, 330) for type_ in (3, 4)
)
BOXES = (b"ftyp", b"meta", b"iinf", b"infe", b"iloc", b"ipco", b"ipma", b"irot", b"imir", b"grid", b"dimg", b"idat")
READERS = (
    picture_reader("jpeg", ".jpg", jpegs, b"\xff\xc0", b"\xff\xc2", b"\xff\xc9", b"\xff\xda", b"\xff\xdd", b"Exif\0\0"),
    picture_reader("png", ".png", pngs, *PNG_SPACES, b"eXIf", b"tRNS", b"zTXt", b"acTL", b"IDAT", repair=repair_png),
    picture_reader("tiff", ".tif", tiffs, b"II*\0", b"MM\0*", b"II+\0", *TIFF_TOKENS),
    picture_reader("webp", ".webp", webps, b"VP8X", b"VP8L", b"VP8 ", b"ANIM", b"ANMF", b"ALPH", b"EXIF", b"ICCP"),
    picture_reader("bmp", ".bmp", bmps, b"DEBM", b"KNIL", struct.pack("<I", 124), struct.pack("<I", 108)),
    picture_reader("gif", ".gif", gifs, b"GIF89a", b"GIF87a", b"\x21\xf9\x04", b"NETSCAPE2.0"),
    picture_reader("heic", ".heic", heics, *BOXES, b"hvc1", b"hvcC", b"auxC"),
    picture_reader("avif", ".avif", avifs, *BOXES, b"av01", b"av1C", b"avis", b"tmap"),
    picture_reader("jxl", ".jxl", jxls, b"jxlc", b"jxlp", b"brob", b"jbrd", b"Exif", b"xml ", b"\xff\x0a"),
    picture_reader("jpeg2000", ".jp2", jp2s, b"jp2c", b"pclr", b"cdef", b"colr", b"\xff\x52", b"\xff\x90", b"\xff\x51"),
    picture_reader("raw", ".dng", raws, b"FUJIFILMCCD-RAW", b"ftypcrx ", *TIFF_TOKENS),
)
