"""BMP files: read with Pillow, and written here, since Pillow's lose alpha and colour space."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from zero_dce.enhance.canvas import Canvas, PillowCanvas, Tile
from zero_dce.enhance.formats.ifd import size_of
from zero_dce.enhance.formats.photograph import CheckSize, Content

# Sizes of the headers by version (wingdi.h: BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER).
FILE_HEADER, INFO, V4, V5 = 14, 40, 108, 124
# Where the fields of the colour space start, from the header's start.
COLOUR_SPACE = 56
EMBEDDED = b"DEBM"
UNCOMPRESSED, BITFIELDS = 0, 3
# Of red, green, blue and alpha in the 32 bits of a pixel.
MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
SRGB = b"BGRs".ljust(V4 - COLOUR_SPACE, b"\0")
MODES = {"1": "L", "P": "RGB"}
MOST = 2**32 - 1
# Bytes that are written at once.
STRIP = 1 << 20


@dataclass(frozen=True)
class BmpKept:
    """What a BMP holds beside its pixels.

    Attributes:
        density: pixels per metre across and down.
        colours: the fields of the colour space, from a header of version 4 or 5; else empty.
        profile: the embedded colour profile; empty if none.
    """

    density: tuple[int, int]
    colours: bytes
    profile: bytes

    @property
    def orientation(self) -> int:
        """Always upright: there is no EXIF in a BMP."""
        return 1

    def upright(self) -> BmpKept:
        """The same."""
        return self

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:  # noqa: ARG002
        """Write a canvas of 8 bits without compression."""
        image = cast("PillowCanvas", canvas).image
        palette = b"".join(bytes((level, level, level, 0)) for level in range(256)) if image.mode == "L" else b""
        bits = {"L": 8, "RGB": 24, "RGBA": 32}[image.mode]
        size = (image.width * bits + 31) // 32 * 4 * image.height
        header = self._header(image, bits, size, len(palette))
        start = FILE_HEADER + len(header) + len(palette)
        whole = start + size + len(self.profile)
        if whole > MOST:
            raise ValueError(f"a BMP holds at most {MOST / 2**30:.0f} GiB; this picture needs {whole / 2**30:.1f}")
        stream.write(struct.pack("<2sIII", b"BM", whole, 0, start) + header + palette)
        _write_rows(image, stream)
        stream.write(self.profile)

    def _header(self, image: Image.Image, bits: int, size: int, palette: int) -> bytes:
        colours = self.colours or (SRGB if image.mode == "RGBA" else b"")
        if self.profile:
            # The profile is counted from the header's start.
            place = struct.pack("<II", V5 + palette + size, len(self.profile))
            colours = colours[: 112 - COLOUR_SPACE] + place + colours[120 - COLOUR_SPACE :]
        kind = BITFIELDS if image.mode == "RGBA" else UNCOMPRESSED
        masks = struct.pack("<4I", *(MASKS if kind == BITFIELDS else (0, 0, 0, 0))) if colours else b""
        length = INFO + len(masks) + len(colours)
        fields = (length, image.width, image.height, 1, bits, kind, size, *self.density, palette // 4, palette // 4)
        return struct.pack("<IiiHHIIiiII", *fields) + masks + colours


def read_bmp(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a BMP; palettes become RGB, or grey if all their colours are.

    Raises:
        ValueError: if it is too large; Pillow raises what it likes where the file is damaged.
    """
    # Not Image.open, which has a limit of its own.
    file = BmpImageFile(stream)
    check_size(*file.size)
    kept = _read_header(stream)
    file.load()
    return Content(PillowCanvas(file.convert(MODES[file.mode]) if file.mode in MODES else file), kept, [])


def _read_header(stream: BinaryIO) -> BmpKept:
    stream.seek(FILE_HEADER)
    header = stream.read(V5)
    (length,) = struct.unpack_from("<I", header)
    if length < INFO:
        return BmpKept((0, 0), b"", b"")
    density = struct.unpack_from("<ii", header, 24)
    colours = header[COLOUR_SPACE:length] if length in (V4, V5) else b""
    return BmpKept((density[0], density[1]), *_read_profile(stream, colours))


def _read_profile(stream: BinaryIO, colours: bytes) -> tuple[bytes, bytes]:
    """Give the fields of the colour space, and the profile they point to; a link to a profile elsewhere is cut."""
    if len(colours) < V5 - COLOUR_SPACE or not colours.startswith(EMBEDDED):
        return (SRGB if colours[:4] == b"KNIL" else colours[: V4 - COLOUR_SPACE]), b""
    start, size = struct.unpack_from("<II", colours, 112 - COLOUR_SPACE)
    if FILE_HEADER + start + size > size_of(stream):
        raise ValueError("its colour profile lies outside the file")
    stream.seek(FILE_HEADER + start)
    return colours, stream.read(size)


def _write_rows(image: Image.Image, stream: BinaryIO) -> None:
    """Write rows from the bottom up, blue first, each padded to four bytes."""
    rows = max(1, STRIP // (4 * image.width))
    for bottom in range(image.height, 0, -rows):
        strip = np.asarray(image.crop((0, max(0, bottom - rows), image.width, bottom)))[::-1]
        stream.write(_pad(_blue_first(strip)).tobytes())


def _blue_first(strip: Tile) -> Tile:
    if strip.ndim == 2:
        return strip
    return strip[..., [2, 1, 0, 3][: strip.shape[2]]].reshape(len(strip), -1)


def _pad(rows: Tile) -> Tile:
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
