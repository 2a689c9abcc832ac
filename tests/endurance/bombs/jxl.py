"""JPEG XL of many channels, frames or pieces."""

from __future__ import annotations

import imagecodecs
import numpy as np

from tests.endurance.bombs.parts import SIDE
from zero_dce.images.formats.bmff import make_box
from zero_dce.images.formats.jxl_write import TYPE_BOX, join_codestream
from zero_dce.images.identify import JXL_START


class _BitWriter:
    def __init__(self) -> None:
        self.count, self.number = 0, 0

    def put(self, *fields: tuple[int, int]) -> None:
        for count, number in fields:
            self.number |= number << self.count
            self.count += count

    def get(self) -> bytes:
        return self.number.to_bytes((self.count + 7) // 8, "little")


def jxl_channels(count: int = 4096) -> bytes:
    """Four thousand channels beside colour."""
    bits = _BitWriter()
    side = ((1, 0), (2, 1), (13, SIDE - 1))
    bits.put(*side, (3, 0), (2, 1), (13, SIDE - 1))
    bits.put((1, 0), (1, 0), (1, 0), (2, 0), (1, 1), (2, 3), (12, count - 1))
    for _ in range(count):
        bits.put((1, 1))
    bits.put((1, 0), (1, 1), (2, 0), (1, 1))
    return b"\xff\x0a" + bits.get() + bytes(100)


def jxl_metadata() -> bytes:
    """A packet that becomes a hundred megabytes, more than is read of one."""
    code = bytes(imagecodecs.jpegxl_encode(np.zeros((8, 8, 3), np.uint8)))
    packed = bytes(imagecodecs.brotli_encode(bytes(100 << 20), level=1))
    return JXL_START + TYPE_BOX + make_box(b"brob", b"xml ", packed) + make_box(b"jxlc", join_codestream(code))


def jxl_frames() -> bytes:
    """Five hundred frames."""
    frames = np.zeros((500, 16, 16), np.uint8)
    return bytes(imagecodecs.jpegxl_encode(frames, lossless=True, photometric="minisblack"))


def jxl_pieces() -> bytes:
    """A codestream in two hundred thousand pieces."""
    return JXL_START + TYPE_BOX + b"".join(make_box(b"jxlp", n.to_bytes(4), b"") for n in range(200_000))
