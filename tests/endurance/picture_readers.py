"""The readers of pictures, of what is in them beside pixels, and of clips."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.endurance.reader import BrokenPropertyError, Reader, documented
from tests.helpers.photographs import copy_through
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_square
from zero_dce.images.formats import Photograph, read_photograph, save_photograph

MOST_MEGAPIXELS = 1
# Pillow refuses twice as many.
Image.MAX_IMAGE_PIXELS = MOST_MEGAPIXELS * 1_000_000 // 2


@functools.cache
def scratch() -> Path:
    """Return a folder that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def check_picture(name: str, content: bytes) -> None:
    """Read a picture as enhancing does and as training does; what is read can be written and read again."""
    file = scratch() / name
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


def require(holds: bool, text: str) -> None:
    """Raise BrokenPropertyError with a text unless something holds."""
    if not holds:
        raise BrokenPropertyError(text)


def files(*names: str) -> Callable[[], Iterable[bytes]]:
    """Return what gives files that the tests of damaged files make."""

    def make() -> Iterator[bytes]:
        from tests.images.formats.test_damaged import FILES

        return (FILES[name] for name in names)

    return make


def picture_reader(name: str, suffix: str, seeds: Callable[[], Iterable[bytes]], *tokens: bytes) -> Reader:
    """Return the reader of a format of pictures."""
    check = functools.partial(check_picture, f"picture{suffix}")
    return Reader(name, check, seeds, ("zero_dce.images",), tokens)


READERS = (
    picture_reader("jpeg", ".jpg", files("jpg", "progressive.jpg", "cmyk.jpg")),
    picture_reader("png", ".png", files("png", "palette.png", "16.png")),
)
