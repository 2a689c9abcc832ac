"""WebP, GIF and BMP of many frames, chunks, comments or a large profile."""

from __future__ import annotations

import struct

from tests.endurance.bombs.parts import overlapping_exif
from tests.endurance.picture_seeds import gifs, with_pillow
from tests.helpers.photographs import exif_block


def webp_frames() -> bytes:
    """A hundred thousand frames."""
    frame = with_pillow("WEBP", size=(2, 2))[12:]
    anmf = b"ANMF" + struct.pack("<I", 16 + len(frame)) + b"\0\0\0\0\0\0\1\0\0\1\0\0\x64\0\0\0" + frame
    body = b"VP8X" + struct.pack("<IB", 10, 2) + bytes(3) + b"\1\0\0\1\0\0" + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += anmf * 100_000
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_chunks() -> bytes:
    """A million empty chunks."""
    webp = with_pillow("WEBP")
    body = webp[12:] + (b"ABCD" + bytes(4)) * 1_000_000
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_exif() -> bytes:
    """Tags that all are the same megabyte."""
    webp = with_pillow("WEBP", exif=exif_block())
    at = webp.index(b"EXIF")
    block = overlapping_exif(65535, 1 << 20)
    body = webp[12:at] + b"EXIF" + struct.pack("<I", len(block)) + block
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def gif_frames() -> bytes:
    """Three hundred thousand frames of a pixel."""
    gif = with_pillow("GIF", "P", size=(1, 1))
    at = gif.index(b",")
    return gif[:at] + gif[at:-1] * 300_000 + b";"


def gif_comments() -> bytes:
    """A million blocks of comments."""
    gif = next(iter(gifs()))
    at = gif.index(b",")
    return gif[:at] + (b"\x21\xfe\1a\0" * 1_000_000) + gif[at:]


def bmp_profile() -> bytes:
    """A profile that says it is four gigabytes long."""
    head = struct.pack("<IiiHHIIiiII", 124, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0) + bytes(16) + b"DEBM"
    head = head.ljust(112, b"\0") + struct.pack("<II", 140, 0xFFFFFFFF) + bytes(4)
    return b"BM" + struct.pack("<IHHI", 200, 0, 0, 138) + head + bytes(100)
