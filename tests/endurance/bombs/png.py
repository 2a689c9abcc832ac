"""PNGs with parts that inflate, or that are many."""

from __future__ import annotations

import struct

from tests.endurance.bombs.parts import SIDE, deflated, overlapping_exif
from tests.endurance.picture_seeds import png_chunk, with_chunks, with_pillow
from zero_dce.images.identify import PNG_START


def png_with(*chunks: bytes) -> bytes:
    """Return a small PNG with further chunks."""
    return with_chunks(with_pillow("PNG"), *chunks)


def png_profile() -> bytes:
    """A profile that becomes 600 megabytes."""
    return png_with(png_chunk(b"iCCP", b"a\0\0" + deflated()))


def png_text() -> bytes:
    """Texts that become 600 megabytes each, compressed in both ways."""
    bomb = deflated()
    return png_with(png_chunk(b"zTXt", b"a\0\0" + bomb), png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb))


def png_texts() -> bytes:
    """A hundred thousand texts."""
    return png_with(png_chunk(b"tEXt", b"Comment\0text") * 100_000)


def png_frames() -> bytes:
    """An animation that says it has four thousand million frames."""
    return png_with(png_chunk(b"acTL", b"\xff\xff\xff\xff\0\0\0\0"))


def png_pixels() -> bytes:
    """Pixels that go on for 600 megabytes after the last row."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = png_chunk(b"IHDR", header), png_chunk(b"IDAT", deflated()), png_chunk(b"IEND", b"")
    return PNG_START + b"".join(parts)


def png_length() -> bytes:
    """A profile that says it is four gigabytes long."""
    return with_pillow("PNG")[:33] + b"\xff\xff\xff\xffiCCP" + bytes(100)


def png_exif() -> bytes:
    """65,535 tags of a megabyte each, which all are the same megabyte."""
    return png_with(png_chunk(b"eXIf", overlapping_exif(65535, 1 << 20)))
