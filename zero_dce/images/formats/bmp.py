"""BMP files, with Pillow: resolution is kept; transparency, which Pillow cannot write, is not.

Nor can it write a colour profile: pixels with an embedded one are converted to sRGB, which a BMP without one means.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, cast

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from zero_dce.images.canvas import Canvas, PillowCanvas
from zero_dce.images.colour import to_srgb
from zero_dce.images.formats.photograph import CheckSize, Content, KeptUpright, encode_with_pillow
from zero_dce.images.ifd import size_of

# Headers of version 4 and 5 start after the file header, and say 56 bytes later what the colours mean; primaries and
# gammas follow, and in version 5 where the profile lies, counted from the header's start (wingdi.h: BITMAPV4HEADER,
# BITMAPV5HEADER, LCS_CALIBRATED_RGB, PROFILE_EMBEDDED, PROFILE_LINKED).
FILE_HEADER_BYTES, V4_BYTES, V5_BYTES = 14, 108, 124
COLOUR_KIND, CALIBRATION, PROFILE_PLACE = slice(56, 60), slice(60, 108), slice(112, 120)
CALIBRATED, EMBEDDED, LINKED = bytes(4), b"DEBM", b"KNIL"
CONVERTED_MODES = {"1": "L", "P": "RGB", "RGBA": "RGB"}


@dataclass(frozen=True)
class BmpKept(KeptUpright):
    """What a BMP holds beside its pixels.

    Attributes:
        dpi: pixels per inch across and down; zeros if unknown.
    """

    dpi: tuple[float, float]

    def as_srgb(self) -> BmpKept:
        """The same: what is written has no profile, and so is sRGB."""
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
    profile, notice = _read_profile(stream)
    notices += [notice] if notice else []
    file.load()
    image: Image.Image = file.convert(CONVERTED_MODES[file.mode]) if file.mode in CONVERTED_MODES else file
    if profile is not None:
        # The profile is one of RGB, through which grey stays grey.
        shown, notice = to_srgb(image.convert("RGB"), profile)
        image = shown.convert(image.mode)
        notices += [notice] if notice else []
    return Content(PillowCanvas(image), BmpKept(file.info.get("dpi", (0, 0))), notices)


def _read_profile(stream: BinaryIO) -> tuple[bytes | None, str | None]:
    """Read an embedded profile; a notice where colours are described in another way, which is passed over."""
    stream.seek(FILE_HEADER_BYTES)
    header = stream.read(V5_BYTES)
    version = int.from_bytes(header[:4], "little")
    kind = header[COLOUR_KIND]
    if version == V5_BYTES and kind == EMBEDDED:
        place, length = struct.unpack("<II", header[PROFILE_PLACE])
        # As much memory as a read may return is set aside first.
        most = size_of(stream)
        stream.seek(FILE_HEADER_BYTES + place)
        return stream.read(min(length, most)), None
    if version == V5_BYTES and kind == LINKED:
        return None, "colour profile in a file of its own: left out, the colours are taken as sRGB"
    # Many programs leave zeros where they mean sRGB.
    if version in (V4_BYTES, V5_BYTES) and kind == CALIBRATED and any(header[CALIBRATION]):
        return None, "primaries and gammas: left out, the colours are taken as sRGB"
    return None, None
