"""JPEG 2000 of many tiles, components, layers, precincts or boxes."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np

from tests.endurance.bombs.jpeg import segment
from tests.endurance.bombs.parts import SIDE, nested
from zero_dce.images.formats.bmff import make_box
from zero_dce.images.identify import JP2_START


def jp2_nested() -> bytes:
    """The same in JPEG 2000."""
    return JP2_START + make_box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + nested(b"jp2h") + nested(b"asoc") + nested(b"res ")


def jp2_code(
    width: int,
    height: int,
    tile: tuple[int, int],
    components: int = 1,
    levels: int = 0,
    layers: int = 1,
    precincts: bytes = b"",
) -> bytes:
    """A codestream without any code, by hand (ITU-T T.800, annex A)."""
    siz = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, *tile, 0, 0, components) + b"\7\1\1" * components
    cod = struct.pack(">BBHBBBBBB", 1 if precincts else 0, 0, layers, 0, levels, 4, 4, 0, 1) + precincts
    qcd = bytes([0x40]) + b"\x40" * (3 * levels + 1)
    sot = struct.pack(">HIBB", 0, 14, 0, 1)
    return (
        b"\xff\x4f"
        + segment(0x51, siz)
        + segment(0x52, cod)
        + segment(0x5C, qcd)
        + segment(0x90, sot)
        + b"\xff\x93\xff\xd9"
    )


def jp2_tiles() -> bytes:
    """A megapixel in tiles of 4 x 4."""
    return jp2_code(SIDE, SIDE, (4, 4))


def jp2_all_tiles() -> bytes:
    """65,535 tile headers."""
    code = jp2_code(1020, 1020, (4, 4))
    at = code.index(b"\xff\x90")
    parts = b"".join(segment(0x90, struct.pack(">HIBB", number, 14, 0, 1)) + b"\xff\x93" for number in range(65025))
    return code[:at] + parts + b"\xff\xd9"


def jp2_components() -> bytes:
    """16,384 components."""
    return jp2_code(SIDE, SIDE, (SIDE, SIDE), components=16384)


def jp2_layers() -> bytes:
    """65,535 layers of the smallest precincts, 32 levels."""
    return jp2_code(SIDE, SIDE, (SIDE, SIDE), levels=32, layers=65535, precincts=b"\0" + b"\x11" * 32)


def jp2_precincts() -> bytes:
    """Precincts of 2 x 2 pixels."""
    return jp2_code(SIDE, SIDE, (SIDE, SIDE), components=4, levels=1, precincts=b"\0\x11")


def jp2_boxes() -> bytes:
    """A hundred thousand boxes of XML."""
    file = bytes(imagecodecs.jpeg2k_encode(np.zeros((8, 8), np.uint8), codecformat="JP2"))
    return file[: file.index(b"jp2c") - 4] + make_box(b"xml ", b"a") * 100_000 + file[file.index(b"jp2c") - 4 :]
