from __future__ import annotations

import numpy as np
import pytest

from zero_dce.images.formats.depth import clip_floats, cut_depth, fill_depth, to_8_bits


@pytest.mark.parametrize("bits", [1, 2, 4, 7, 8, 9, 10, 12, 14, 16])
def test_every_number_comes_back(bits: int) -> None:
    numbers = np.arange(2**bits, dtype=np.uint16 if bits > 8 else np.uint8).reshape(-1, 1)
    filled = fill_depth(numbers, bits)
    assert filled.dtype == (np.uint16 if bits > 8 else np.uint8)
    assert (filled.min(), filled.max()) == (0, np.iinfo(filled.dtype).max)
    assert np.array_equal(cut_depth(filled, bits), numbers)


def test_values_by_hand() -> None:
    # 512 / 1023 of 65535 is 32799.5..., and 5 / 15 of 255 is 85.
    assert fill_depth(np.array([[512]], np.uint16), 10) == 32800
    assert fill_depth(np.array([[5]], np.uint8), 4) == 85
    assert list(to_8_bits(np.array([[0, 128, 129, 65535]], np.uint16))[0]) == [0, 0, 1, 255]


def test_what_a_damaged_file_has_beyond_its_bits_is_white() -> None:
    assert fill_depth(np.array([[5000]], np.uint16), 12) == 65535
    with pytest.raises(ValueError, match="17 bits a channel; 1 to 16 are read"):
        fill_depth(np.zeros((1, 1), np.uint16), 17)


def test_floats_outside_their_range() -> None:
    numbers = np.array([[-0.5, 0.25], [1.5, np.nan], [np.inf, -np.inf], *[[0, 1]] * 4])
    clipped, notice = clip_floats(numbers)
    assert clipped.tolist() == [[0, 0.25], [1, 0], [1, 0], *[[0, 1]] * 4]
    assert clipped.dtype == np.float32
    assert notice is not None
    # 5 of 14.
    assert notice.startswith("36 % of its floating-point numbers are not in [0, 1]")
    assert clip_floats(numbers[3:])[1] is None
    with pytest.raises(ValueError, match=r"most of its floating-point numbers are not in \[0, 1\]"):
        clip_floats(numbers * 255)
