"""HEIC, AVIF and JPEG XL whose boxes, items or tiles are many, or in each other."""

from __future__ import annotations

import struct

from tests.endurance.bombs.parts import nested
from tests.endurance.picture_seeds import heics
from zero_dce.images.formats.bmff import make_box, read_boxes
from zero_dce.images.formats.jxl_write import TYPE_BOX
from zero_dce.images.identify import JXL_START


def heic_nested() -> bytes:
    """Ten thousand boxes inside each other."""
    deep = [nested(kind) for kind in (b"iprp", b"ipco", b"dinf", b"moov", b"trak")]
    return make_box(b"ftyp", b"heic\0\0\0\0mif1heic") + make_box(b"meta", bytes(4), *deep)


def avif_nested() -> bytes:
    """The same with the brand of AVIF."""
    return heic_nested().replace(b"heic", b"avif")


def jxl_nested() -> bytes:
    """The same in JPEG XL."""
    return JXL_START + TYPE_BOX + nested(b"jxlc")


def heic_grid(across: int = 255, down: int = 255, claimed: int = 64) -> bytes:
    """A grid of 65,025 tiles, each of which is the same, that says it has 64 x 64 pixels."""
    file = next(iter(heics()))
    boxes = {box.kind: box.content for box in read_boxes(file)}
    inner = {box.kind: box.content for box in read_boxes(boxes[b"meta"][4:])}
    properties = {box.kind: box.content for box in read_boxes(inner[b"iprp"])}
    known = read_boxes(properties[b"ipco"])
    at = next(number for number, box in enumerate(known, 1) if box.kind == b"hvcC")
    code = file[file.index(b"mdat") + 4 :]
    count = (across) * (down)
    grid = bytes((0, 1, down - 1, across - 1)) + struct.pack(">II", 64 * across, 64 * down)
    size = make_box(b"ispe", bytes(4), struct.pack(">II", claimed, claimed))
    tile = make_box(b"ispe", bytes(4), struct.pack(">II", 64, 64))
    ipco = make_box(b"ipco", make_box(*known[at - 1]), tile, size)
    ipma = make_box(
        b"ipma", bytes(4), struct.pack(">I", 2), struct.pack(">HBBB", 1, 2, 0x81, 2), struct.pack(">HBB", 2, 1, 3)
    )
    entries = make_box(b"infe", b"\2\0\0\0", struct.pack(">HH", 1, 0), b"hvc1\0")
    entries += make_box(b"infe", b"\2\0\0\0", struct.pack(">HH", 2, 0), b"grid\0")
    info = make_box(b"iinf", bytes(4), struct.pack(">H", 2), entries)
    refs = make_box(b"iref", bytes(4), make_box(b"dimg", struct.pack(">HH", 2, count) + struct.pack(">H", 1) * count))
    head = make_box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(place: int) -> bytes:
        places = struct.pack(">HHHII", 1, 0, 1, place, len(code)) + struct.pack(
            ">HHHII", 2, 0, 1, place + len(code), len(grid)
        )
        iloc = make_box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", 2) + places)
        hdlr = make_box(b"hdlr", bytes(8) + b"pict" + bytes(13))
        return make_box(
            b"meta",
            bytes(4),
            hdlr,
            make_box(b"pitm", bytes(5) + b"\2"),
            info,
            iloc,
            make_box(b"iprp", ipco, ipma),
            refs,
        )

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + make_box(b"mdat", code, grid)
