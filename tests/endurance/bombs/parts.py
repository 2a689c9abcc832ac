"""What small files of several formats are made of that would take much."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

from zero_dce.images.formats.bmff import make_box

SIDE = 1000


def deflated(megabytes: int = 600) -> bytes:
    """Return that many megabytes of zeros, deflated a thousandfold: one block over and over."""
    megabyte = bytes(1 << 20)
    compressor = zlib.compressobj(9, wbits=-15)
    block = compressor.compress(megabyte) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(megabytes):
        checksum = zlib.adler32(megabyte, checksum)
    return b"\x78\xda" + block * megabytes + compressor.flush() + checksum.to_bytes(4)


def plain(format_: str, side: int = SIDE, mode: str = "RGB", **options: Any) -> bytes:
    """Encode an even picture with Pillow."""
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, format_, **options)
    return stream.getvalue()


def overlapping_exif(entries: int, length: int) -> bytes:
    """A block whose tags all say that their value is the whole block."""
    table = b"".join(struct.pack("<HHII", number, 7, length, 8) for number in range(entries))
    block = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", entries) + table + bytes(4)
    return block.ljust(length + 8, b"\0")


def nested(kind: bytes, depth: int = 10_000) -> bytes:
    """Boxes inside each other."""
    content = b""
    for _ in range(depth):
        content = make_box(kind, content)
    return content


def many_items(brand: bytes) -> bytes:
    """A hundred thousand items, and as many references."""
    count = 60_000
    entries = b"".join(make_box(b"infe", b"\2\0\0\0", struct.pack(">HH", n, 0), b"hvc1\0") for n in range(1, count))
    info = make_box(b"iinf", bytes(4), struct.pack(">H", count - 1), entries)
    places = b"".join(struct.pack(">HHHII", n, 0, 1, 0, 9) for n in range(1, count))
    locations = make_box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", count - 1) + places)
    tiles = make_box(b"dimg", struct.pack(">HH", 1, count - 1) + struct.pack(f">{count - 1}H", *range(1, count)))
    meta = make_box(
        b"meta", bytes(4), make_box(b"pitm", bytes(5) + b"\1"), info, locations, make_box(b"iref", bytes(4), tiles)
    )
    return make_box(b"ftyp", brand + b"\0\0\0\0mif1" + brand) + meta
