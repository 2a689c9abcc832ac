from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.images.test_decode import make_profile, wide_profile
from zero_dce.images.colour import SRGB_TOLERANCE, icc_space, srgb_profile, to_srgb
from zero_dce.images.light import linear_to_srgb

SRGB_PRIMARIES = {"r": (0.64, 0.33), "g": (0.30, 0.60), "b": (0.15, 0.06)}


def test_16_bits_are_converted_before_they_are_cut() -> None:
    """A linear profile: light of 1/1000 is 3 of 255 levels of sRGB, and nothing where 8 bits come first."""
    space, notice = icc_space(make_profile(SRGB_PRIMARIES, gamma=1.0, name="linear"))
    assert space is not None
    assert (notice, space.description, space.invertible) == (None, "colour profile 'linear'", True)
    light = np.array([0.001, 0.01, 0.1, 0.5, 1.0])
    stored = np.repeat((light * 65535).round().astype(np.uint16)[None, :, None], 3, axis=2)
    converted = space.to_srgb(stored)
    assert np.abs(converted[0, :, 0] / 257 - linear_to_srgb(light)).max() <= 0.6
    assert np.abs(space.from_srgb(converted).astype(int) - stored).max() <= 0.001 * 65535


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_wide_space_and_back(dtype: type[np.unsignedinteger]) -> None:
    space, _ = icc_space(wide_profile())
    assert space is not None
    assert space.invertible
    white = np.iinfo(dtype).max
    stored = (np.array([[[60, 120, 200], [128, 128, 128], [180, 90, 70]]]) / 255 * white).round().astype(dtype)
    converted = space.to_srgb(stored)
    # By hand, as in the test of decoding: from Adobe RGB's to sRGB's primaries.
    light = (stored / white) ** 2.2 @ np.array([[1.3982, -0.3982, 0], [0, 1, 0], [0, -0.0429, 1.0429]]).T
    assert np.abs(converted / 257 - linear_to_srgb(light)).max() <= 2
    inside = (light >= 0).all(axis=2)
    back = space.from_srgb(converted) / 65535 * white
    assert np.abs(back - stored)[inside].max() <= 0.01 * white


def test_grey_profiles() -> None:
    space, _ = icc_space(imagecodecs.cms_profile("gray", gamma=1.0), grey=True)
    assert space is not None
    assert space.invertible
    stored = np.repeat(np.array([[[6553], [32768], [65535]]], np.uint16), 3, axis=2)
    converted = space.to_srgb(stored)
    assert np.abs(converted / 257 - linear_to_srgb(stored / 65535)).max() <= 1.5
    assert np.abs(space.from_srgb(converted).astype(int) - stored).max() <= 300


def test_srgb_is_no_conversion_and_a_broken_profile_is_noticed() -> None:
    assert icc_space(None) == (None, None)
    assert icc_space(srgb_profile()) == (None, None)
    space, notice = icc_space(b"no profile")
    assert space is None
    assert notice is not None
    assert notice.startswith("colour profile of no use")


def test_the_written_srgb_profile_is_srgb_and_always_the_same() -> None:
    srgb_profile.cache_clear()
    first = srgb_profile()
    srgb_profile.cache_clear()
    assert srgb_profile() == first
    picture = Image.effect_noise((16, 16), 80).convert("RGB")
    converted, _ = to_srgb(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert np.abs(np.asarray(converted).astype(int) - np.asarray(picture)).max() <= SRGB_TOLERANCE
