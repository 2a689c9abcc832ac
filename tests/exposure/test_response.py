"""What an exposure does to a picture, in PyTorch and in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.exposures import means_of
from zero_dce.exposure.response import expose


@pytest.mark.parametrize(
    ("value", "ev", "expected"),
    [
        # light = -log(1 - sqrt(0.998039 v)), to (1 - exp(-light 2^ev))^2 / 0.998039
        (0.5, 1.0, 0.83668),
        (0.5, -1.0, 0.21033),
        (0.05, 3.0, 0.75434),
        (0.0, 6.0, 0.0),
        (1.0, 3.0, 1.0),
        (1.0, -1.0, 0.94019),
    ],
)
def test_a_response_with_toe_and_shoulder(value: float, ev: float, expected: float) -> None:
    for image in (torch.full((1, 3, 1, 1), value), np.full((1, 3, 1, 1), value, np.float32)):
        assert means_of(expose(image, ev)) == pytest.approx([expected], abs=2e-5)


def test_white_is_what_lies_within_half_a_step_of_8_bits() -> None:
    """Boundless light would stay white however short the exposure, and cut a burnt sky in two."""
    near, white = (expose(np.full((1, 3, 1, 1), value, np.float32), -3.0).max() for value in (254 / 255, 1.0))
    assert 0.25 < near < white < 0.35


@settings(deadline=None, max_examples=30)
@given(st.floats(-4, 4), st.floats(0.01, 4))
def test_a_longer_exposure_darkens_no_pixel_and_keeps_their_order(ev: float, more: float) -> None:
    image = torch.linspace(0, 1, 256).expand(1, 3, 1, 256)
    shorter, longer = expose(image, ev), expose(image, ev + more)
    assert ((shorter >= 0) & (longer <= 1)).all()
    assert (longer >= shorter - 1e-6).all()
    assert (longer > shorter).any()
    assert (shorter.diff() >= -1e-6).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(-3, 3), st.floats(-3, 0))
def test_exposures_add_up(first: float, second: float) -> None:
    image = torch.linspace(0.02, 0.9, 64).double().expand(1, 3, 1, 64)
    assert torch.allclose(expose(expose(image, second), first), expose(image, first + second), atol=1e-6)
