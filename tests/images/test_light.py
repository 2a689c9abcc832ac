from __future__ import annotations

import numpy as np
import pytest

from zero_dce.images.light import linear_to_srgb, srgb_to_linear


def test_transfer_curve_goes_both_ways() -> None:
    values = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(linear_to_srgb(srgb_to_linear(values)), values)
    assert srgb_to_linear(np.array([188], dtype=np.uint8))[0] == pytest.approx(0.5029, abs=1e-3)


def test_known_values_and_clipping() -> None:
    assert srgb_to_linear(np.array([0, 10, 255])) == pytest.approx([0, 10 / 255 / 12.92, 1])
    assert linear_to_srgb(np.array([-1.0, 0.0, 0.002, 0.2140, 1.0, 3.0])).tolist() == [0, 0, 7, 127, 255, 255]
