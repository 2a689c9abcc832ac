from __future__ import annotations

import numpy as np

from tests.helpers.photographs import pixels
from zero_dce.images.formats.cicp import cicp_space
from zero_dce.images.formats.convert import in_srgb


def test_colours_are_converted_and_alpha_stays() -> None:
    space = cicp_space(12, 13)
    assert space is not None
    values = pixels((300, 20, 4))
    converted = in_srgb(values, space)
    assert np.array_equal(converted[..., :3], space.to_srgb(values[..., :3]))
    assert np.array_equal(converted[..., 3], values[..., 3].astype(np.uint16) * 257)


def test_colours_are_divided_by_alpha() -> None:
    values = np.array([[[60, 30, 0, 120], [0, 0, 0, 0]]], np.uint8)
    converted = in_srgb(values, None, values[..., 3])
    assert (converted / 257).round().tolist() == [[[128, 64, 0, 120], [0, 0, 0, 0]]]


def test_grey_stays_grey() -> None:
    values = pixels((20, 30))
    assert np.array_equal(in_srgb(values, None), values.astype(np.uint16) * 257)


def test_floats_are_read_as_16_bits() -> None:
    """0.25 and 0.5 by an alpha of 0.5, which stays."""
    values = np.array([[[0.25, 0.5, 0, 0.5]]], np.float32)
    assert in_srgb(values, None, values[..., 3]).tolist() == [[[32768, 65535, 0, 32768]]]
