from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from tests.helpers.photographs import pixels
from tests.images.formats.test_jxl_header import P3_COLOURS
from zero_dce.images.formats.cicp import cicp_space
from zero_dce.images.formats.jxl_header import read_jxl_header
from zero_dce.images.formats.jxl_write import SRGB_COLOURS, cut_bits, encode_jxl, join_bits, join_codestream
from zero_dce.images.identify import JXL_CODE_START


def test_bits() -> None:
    # 101, then 0, then 11, the lowest first: 110101 from the right is 1 1 0 1 0 1.
    assert join_bits((3, 0b101), (1, 0), (2, 0b11)) == (6, 0b110101)
    assert cut_bits(b"\xff\x0a\xb4\x01", 2, 9) == (7, 0b1101101)


def test_a_codestream_in_pieces() -> None:
    first, second = b"\0\0\0\x0ejxlp\0\0\0\0\xff\x0a", b"\0\0\0\x0ejxlp\x80\0\0\1ab"
    assert join_codestream(second + first) == JXL_CODE_START + b"ab"


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("colours", [SRGB_COLOURS, P3_COLOURS])
def test_lossless_numbers_keep_depth_and_colours(bits: int, colours: tuple[int, int]) -> None:
    values = pixels((40, 50, 3), "uint8" if bits == 8 else "uint16")
    encoded = encode_jxl(values, bits, False, None, colours, 0)
    header = read_jxl_header(encoded)
    assert header.bits == bits
    assert cut_bits(encoded, *header.colours_at) == colours
    expected = np.rint(values / np.iinfo(values.dtype).max * (2**bits - 1))
    assert np.array_equal(imagecodecs.jpegxl_decode(encoded), expected)


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_lossy_numbers_mean_the_same_colours(bits: int) -> None:
    """The decoder gives numbers in the colours of the header: about those that were given."""
    y, x = np.mgrid[0:64, 0:96]
    smooth = np.stack([x / 96, y / 64, 1 - x / 96], -1)
    values = (smooth * (255 if bits == 8 else 65535)).astype(np.uint8 if bits == 8 else np.uint16)
    encoded = encode_jxl(values, bits, False, cicp_space(12, 13), P3_COLOURS, 0.3)
    header = read_jxl_header(encoded)
    assert (header.bits, header.xyb) == (bits, True)
    decoded = imagecodecs.jpegxl_decode(encoded) / (2**bits - 1)
    assert np.abs(decoded - smooth).mean() < 0.01


def test_floats_stay() -> None:
    values = (pixels((40, 50, 3)) / 255).astype(np.float32)
    for bits in (16, 32):
        encoded = encode_jxl(values, bits, True, None, SRGB_COLOURS, 0)
        assert read_jxl_header(encoded).floating
        assert np.array_equal(imagecodecs.jpegxl_decode(encoded), values.astype(f"f{bits // 8}"))
