"""BMP files, with Pillow: resolution is kept; transparency and colour profile, which Pillow cannot write, are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, cast

from PIL.BmpImagePlugin import BmpImageFile

from zero_dce.images.canvas import Canvas, PillowCanvas
from zero_dce.images.formats.photograph import CheckSize, Content, encode_with_pillow

# A header of version 5 starts after the file header, and says 56 bytes later that a colour profile is embedded or
# linked (wingdi.h: BITMAPV5HEADER, PROFILE_EMBEDDED, PROFILE_LINKED).
FILE_HEADER_BYTES, V5_BYTES = 14, 124
PROFILE_KINDS = (b"DEBM", b"KNIL")
CONVERTED_MODES = {"1": "L", "P": "RGB", "RGBA": "RGB"}


@dataclass(frozen=True)
class BmpKept:
    """What a BMP holds beside its pixels.

    Attributes:
        dpi: pixels per inch across and down; zeros if unknown.
    """

    dpi: tuple[float, float]

    @property
    def orientation(self) -> int:
        """Always upright: there is no EXIF in a BMP."""
        return 1

    def upright(self) -> BmpKept:
        """The same."""
        return self

    def as_srgb(self) -> BmpKept:
        """The same: a BMP without a profile is sRGB."""
        return self

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:  # noqa: ARG002
        """Write a canvas of 8 bits without compression."""
        stream.write(encode_with_pillow(cast("PillowCanvas", canvas).image, "BMP", dpi=self.dpi))


def read_bmp(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a BMP; palettes become RGB, or grey if all their colours are.

    Raises:
        ValueError: if it is too large; Pillow raises what it likes where the file is damaged.
    """
    # Image.open would have a limit of its own.
    file = BmpImageFile(stream)
    check_size(*file.size)
    notices = ["transparency: left out"] if file.mode == "RGBA" else []
    if _has_profile(stream):
        notices.append("colour profile: left out")
    file.load()
    image = file.convert(CONVERTED_MODES[file.mode]) if file.mode in CONVERTED_MODES else file
    return Content(PillowCanvas(image), BmpKept(file.info.get("dpi", (0, 0))), notices)


def _has_profile(stream: BinaryIO) -> bool:
    stream.seek(FILE_HEADER_BYTES)
    header = stream.read(V5_BYTES)
    return int.from_bytes(header[:4], "little") == V5_BYTES and header[56:60] in PROFILE_KINDS
