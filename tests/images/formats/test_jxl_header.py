from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from tests.helpers.photographs import pixels
from zero_dce.images.formats.jxl_header import ALPHA, read_jxl_header
from zero_dce.images.formats.jxl_write import BitField, join_bits, join_codestream
from zero_dce.images.identify import JXL_CODE_START

# The bits of a header's numbers, as the standard writes them: choices of two bits, and what follows them.
ENUM = {0: (2, 0), 1: (2, 1), 9: (6, 2 | 7 << 2), 11: (6, 2 | 9 << 2), 13: (6, 2 | 11 << 2), 16: (6, 2 | 14 << 2)}
RGB, D65, RELATIVE, NO_GAMMA, NOT_USUAL, NO_PROFILE = ENUM[0], ENUM[1], ENUM[1], (1, 0), (1, 0), (1, 0)
P3_COLOURS = join_bits(NOT_USUAL, NO_PROFILE, RGB, D65, ENUM[11], NO_GAMMA, ENUM[13], RELATIVE)
PQ_COLOURS = join_bits(NOT_USUAL, NO_PROFILE, RGB, D65, ENUM[9], NO_GAMMA, ENUM[16], RELATIVE)
PROFILE_COLOURS = join_bits(NOT_USUAL, (1, 1), RGB)


def codestream(*fields: BitField) -> bytes:
    count, number = join_bits(*fields, (32, 0))
    return JXL_CODE_START + number.to_bytes((count + 7) // 8, "little")


@pytest.mark.parametrize(
    ("shape", "dtype", "options"),
    [
        ((37, 301, 3), "uint8", {"lossless": True}),
        ((37, 301, 3), "uint8", {"distance": 1.0}),
        ((48, 64, 3), "uint16", {"lossless": True, "bitspersample": 10}),
        ((300, 20, 4), "uint16", {"lossless": True, "bitspersample": 14}),
        ((48, 64), "uint8", {"lossless": True}),
        ((1, 5000, 2), "uint8", {"lossless": True}),
    ],
)
def test_what_the_codec_has_written(shape: tuple[int, ...], dtype: str, options: dict[str, object]) -> None:
    bits = int(options.get("bitspersample", 8 * np.dtype(dtype).itemsize))
    values = pixels(shape, dtype) >> (8 * np.dtype(dtype).itemsize - bits)
    header = read_jxl_header(join_codestream(imagecodecs.jpegxl_encode(values, **options)))
    assert (header.height, header.width) == shape[:2]
    assert (header.bits, header.floating, header.grey) == (bits, False, len(shape) == 2 or shape[2] < 3)
    assert header.extra == ((ALPHA,) if len(shape) == 3 and shape[2] in (2, 4) else ())
    assert header.xyb == ("distance" in options)
    assert (header.orientation, header.animated, header.icc) == (1, False, False)


def test_a_header_by_hand() -> None:
    """16 x 24 pixels in eighths, orientation 6, 12 bits, alpha that colours are multiplied by, P3."""
    size = ((1, 1), (5, 2), (3, 0), (5, 1))
    fields = ((1, 0), (1, 1), (3, 5), (1, 0), (1, 0), (1, 0))
    depth, buffers = ((1, 0), (2, 2)), (1, 1)
    alpha = ((2, 1), (1, 0), ENUM[0], (1, 0), (2, 2), (2, 0), (2, 0), (1, 1))
    header = read_jxl_header(codestream(*size, *fields, *depth, buffers, *alpha, (1, 0), P3_COLOURS))
    assert (header.width, header.height, header.orientation) == (16, 24, 6)
    assert (header.bits, header.extra, header.associated, header.xyb) == (12, (ALPHA,), True, False)
    assert header.space is not None
    assert header.space.primaries == (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    assert header.space.curve.name == "sRGB"


def test_ratios_and_what_is_usual() -> None:
    # The height is 600, and the width 4/3 of it; everything else is usual.
    header = read_jxl_header(codestream((1, 0), (2, 1), (13, 599), (3, 3), (1, 1)))
    assert (header.width, header.height, header.bits, header.xyb) == (800, 600, 8, True)
    assert header.space is not None
    assert header.space.is_srgb()


def test_a_profile_is_told() -> None:
    header = read_jxl_header(
        codestream((1, 1), (5, 0), (3, 1), (1, 0), (1, 0), (1, 0), (2, 0), (1, 1), (2, 0), (1, 0), PROFILE_COLOURS)
    )
    assert (header.icc, header.space) == (True, None)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"\xff\x0a", b"\xff\x0a\x40"])
def test_damaged_headers(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"no JPEG XL codestream|truncated inside its header"):
        read_jxl_header(content)
