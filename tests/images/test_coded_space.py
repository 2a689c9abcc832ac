from __future__ import annotations

import numpy as np
import pytest

from zero_dce.images.coded_space import (
    D65,
    HLG_CURVE,
    PQ_CURVE,
    SRGB_CURVE,
    SRGB_PRIMARIES,
    Chromaticities,
    CodedSpace,
    TransferCurve,
    are_primaries,
    power_curve,
)

BT2020: Chromaticities = (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
# From linear BT.2020 to linear BT.709 (ITU-R BT.2407, section 2.2).
BT2020_TO_SRGB = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
DISPLAY_P3: Chromaticities = (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
DCI_P3: Chromaticities = (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
PROPHOTO: Chromaticities = (0.3457, 0.3585, 0.734699, 0.265301, 0.159597, 0.840403, 0.036598, 0.000105)


def grey_of(curve: TransferCurve, number: float) -> float:
    """What a grey of this number is in sRGB, 0 to 1."""
    stored = np.full((1, 1, 3), round(number * 65535), np.uint16)
    shown = CodedSpace(curve, BT2020).to_srgb(stored)[0, 0]
    assert np.ptp(shown.astype(int)) <= 3, "grey stays grey"
    return float(shown[1] / 65535)


def srgb_of(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(("curve", "grey_card", "white"), [(PQ_CURVE, 0.38, 0.58), (HLG_CURVE, 0.38, 0.75)])
def test_the_reference_levels_of_hdr(curve: TransferCurve, grey_card: float, white: float) -> None:
    """ITU-R BT.2408, table 1, in whole percent: a grey card of 18 % has 26 cd/m2, a white of 100 % has 203."""
    assert grey_of(curve, white) == pytest.approx(1, abs=0.01)
    # 1.055 x (26 / 203) ^ (1 / 2.4) - 0.055
    assert grey_of(curve, grey_card) == pytest.approx(0.393, abs=0.01)
    assert grey_of(curve, 1) == 1, "what is brighter than white is clipped"


def test_exact_levels_of_hdr() -> None:
    """PQ is 0.508078 at 100 cd/m2 (SMPTE ST 2084). HLG of 1/2 is a scene light of 1/12, 1000 / 12^1.2 cd/m2."""
    # 1.055 x (100 / 203) ^ (1 / 2.4) - 0.055
    assert grey_of(PQ_CURVE, 0.508078) == pytest.approx(0.73047, abs=1e-4)
    # 1.055 x (50.697 / 203) ^ (1 / 2.4) - 0.055
    assert grey_of(HLG_CURVE, 0.5) == pytest.approx(0.53683, abs=1e-4)


def test_primaries_are_converted_in_linear_light() -> None:
    numbers = np.array([[0.5, 0.5, 0.5], [0.3, 0.4, 0.35], [0.8, 0.7, 0.6], [1, 0, 0]])
    stored = (numbers * 65535).round().astype(np.uint16)[None]
    shown = CodedSpace(power_curve(2.2), BT2020).to_srgb(stored)[0] / 65535
    assert np.abs(shown - srgb_of(numbers**2.2 @ BT2020_TO_SRGB.T)).max() < 3e-4


def test_hlg_scales_colours_by_the_luminance_of_its_own_primaries() -> None:
    """A scene light of 1/12, 3/64 and 1/48 is coded as the root of three times each (ITU-R BT.2100, table 5)."""
    scene = np.array([1 / 12, 3 / 64, 1 / 48])
    stored = (np.sqrt(3 * scene) * 65535).round().astype(np.uint16)[None, None]
    luminance = scene @ [0.2627, 0.6780, 0.0593]
    light = scene * luminance**0.2 * 1000 / 203
    shown = CodedSpace(HLG_CURVE, BT2020).to_srgb(stored)[0, 0] / 65535
    assert np.abs(shown - srgb_of(light @ BT2020_TO_SRGB.T)).max() < 3e-4


@pytest.mark.parametrize("primaries", [DCI_P3, PROPHOTO, DISPLAY_P3])
def test_white_and_greys_stay_neutral(primaries: Chromaticities) -> None:
    space = CodedSpace(SRGB_CURVE, primaries)
    greys = np.repeat(np.array([0, 1, 77, 128, 255], np.uint8)[None, :, None], 3, axis=2)
    assert np.abs(space.to_srgb(greys) / 257 - greys).max() < 0.05


@pytest.mark.parametrize(
    "space",
    [
        CodedSpace(power_curve(1), SRGB_PRIMARIES),
        CodedSpace(power_curve(1.8), DISPLAY_P3),
        CodedSpace(PQ_CURVE, BT2020),
        CodedSpace(HLG_CURVE, BT2020),
    ],
)
def test_back_and_forth(space: CodedSpace) -> None:
    srgb = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    srgb[0, 0], srgb[0, 1] = 0, 65535
    stored = space.from_srgb(srgb)
    assert space.invertible
    # A step of 16 bits near black is worth 13 of sRGB in linear light, and more through primaries far apart.
    assert np.abs(space.to_srgb(stored).astype(int) - srgb).max() <= 64, "a quarter of a step of 8 bits"
    assert not stored[0, 0].any(), "black stays black"


def test_what_counts_as_srgb() -> None:
    assert CodedSpace(SRGB_CURVE, SRGB_PRIMARIES).is_srgb()
    assert CodedSpace(SRGB_CURVE, (0.3127, 0.329, 0.6400, 0.3301, 0.3, 0.5999, 0.15, 0.06)).is_srgb()
    assert not CodedSpace(SRGB_CURVE, DISPLAY_P3).is_srgb()
    assert not CodedSpace(power_curve(2.2), SRGB_PRIMARIES).is_srgb()


@pytest.mark.parametrize(
    ("chromaticities", "expected"),
    [
        (SRGB_PRIMARIES, True),
        (PROPHOTO, True),
        ((0.0,) * 8, False),
        ((*D65, 0.64, 0.0, 0.30, 0.60, 0.15, 0.06), False),
        ((*D65, 0.64, 0.33, 0.64, 0.33, 0.15, 0.06), False),
        ((0.7, 0.2, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06), False),
    ],
    ids=["sRGB", "ProPhoto", "zeros", "no luminance", "two alike", "white outside"],
)
def test_what_primaries_can_be(chromaticities: Chromaticities, expected: bool) -> None:
    assert are_primaries(chromaticities) is expected
