"""TIFFs of many tiles, strips, tags, pages or channels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import numpy as np

from tests.endurance.bombs.parts import SIDE, deflated
from tests.endurance.picture_seeds import with_tifffile


def retagged(tiff: bytes, **tags: int) -> bytes:
    """Overwrite values that lie in the entries of a little-endian TIFF's only directory: ``t256=1000``."""
    changed = bytearray(tiff)
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        number, type_ = struct.unpack_from("<HH", tiff, at)
        if f"t{number}" in tags:
            struct.pack_into("<I" if type_ == 4 else "<H", changed, at + 8, tags[f"t{number}"])
    return bytes(changed)


def tiff_of(entries: dict[int, tuple[int, Iterable[int]]], content: bytes = b"", following: int = 0) -> bytes:
    """Write a directory by hand, its values behind it; ``content`` starts at byte 8."""
    place = 8 + len(content)
    table, values = struct.pack("<H", len(entries)), b""
    end = place + 2 + 12 * len(entries) + 4
    for number, (type_, numbers) in sorted(entries.items()):
        listed = list(numbers)
        packed = struct.pack(f"<{len(listed)}{ {3: 'H', 4: 'I'}[type_] }", *listed)
        inline = packed if len(packed) <= 4 else struct.pack("<I", end + len(values))
        values += packed if len(packed) > 4 else b""
        table += struct.pack("<HHI", number, type_, len(listed)) + inline.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", place) + content + table + struct.pack("<I", following or 0) + values


def tiff_grey(side: int, compression: int, segments: dict[int, tuple[int, Iterable[int]]], content: bytes) -> bytes:
    """A TIFF of grey of 8 bits."""
    entries = {256: (4, [side]), 257: (4, [side]), 258: (3, [8]), 259: (3, [compression]), 262: (3, [1]), **segments}
    return tiff_of(entries, content)


def tiff_inflated(compression: int, packed: bytes) -> bytes:
    """One strip of a megapixel that becomes 600 megabytes."""
    return tiff_grey(SIDE, compression, {273: (4, [8]), 279: (4, [len(packed)])}, packed)


def tiff_tiles(compression: int = 1, content: bytes = bytes(256)) -> bytes:
    """A million tiles of a single pixel, all of which are the same."""
    count = SIDE * SIDE
    tiles = {322: (3, [1]), 323: (3, [1]), 324: (4, [8] * count), 325: (4, [len(content)] * count)}
    return tiff_grey(SIDE, compression, tiles, content)


def tiff_strips() -> bytes:
    """A picture one pixel wide with a million strips."""
    count = SIDE * SIDE
    entries = {256: (4, [1]), 257: (4, [count]), 258: (3, [8]), 259: (3, [8]), 262: (3, [1]), 278: (4, [1])}
    packed = zlib.compress(b"a")
    return tiff_of({**entries, 273: (4, [8] * count), 279: (4, [len(packed)] * count)}, packed)


def tiff_tags() -> bytes:
    """65,535 tags that all are the same megabyte."""
    start = with_tifffile(np.zeros((8, 8, 3), np.uint8))
    (place,) = struct.unpack_from("<I", start, 4)
    (count,) = struct.unpack_from("<H", start, place)
    entries = start[place + 2 : place + 2 + 12 * count]
    more = b"".join(struct.pack("<HHII", number, 7, 1 << 20, 8) for number in range(1000, 65535 - count))
    table = struct.pack("<H", count + len(more) // 12) + entries + more + bytes(4)
    moved = start + bytes(len(start) % 2)
    return (moved[:4] + struct.pack("<I", len(moved)) + moved[8:] + table).ljust(1 << 21, b"\0")


def tiff_loop(next_: bool = True) -> bytes:
    """A directory that follows itself, and whose EXIF directory is itself."""
    pixels = bytes(64)
    entries = {256: (4, [8]), 257: (4, [8]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1])}
    entries |= {273: (4, [8]), 279: (4, [64]), 330: (4, [72]), 34665: (4, [72]), 34853: (4, [72])}
    return tiff_of(entries, pixels, 72 if next_ else 0)


def tiff_pages() -> bytes:
    """A hundred thousand pages."""
    first = with_tifffile(np.zeros((8, 8, 3), np.uint8))
    page = struct.pack("<HHHII", 1, 256, 4, 1, 8)
    start = len(first) + len(first) % 2
    pages = b"".join(page + struct.pack("<I", start + 18 * (number + 1)) for number in range(100_000))
    (place,) = struct.unpack_from("<I", first, 4)
    (count,) = struct.unpack_from("<H", first, place)
    linked = bytearray(first.ljust(start, b"\0"))
    struct.pack_into("<I", linked, place + 2 + 12 * count, start)
    return bytes(linked) + pages


def tiff_large_tiles() -> bytes:
    """A picture of one pixel in a tile of 60000 x 60000."""
    packed = deflated(64)
    tiles = {322: (4, [60000]), 323: (4, [60000]), 324: (4, [8]), 325: (4, [len(packed)])}
    return tiff_grey(1, 8, tiles, packed)


def tiff_channels() -> bytes:
    """A megapixel of 65,535 channels."""
    return retagged(tiff_grey(SIDE, 8, {273: (4, [8]), 277: (3, [65535]), 279: (4, [99])}, deflated(64)))
