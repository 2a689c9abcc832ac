"""Which mean suits a picture."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.exposures import pictures
from zero_dce.exposure.suited import EXPOSED_MEAN, night_share, suited_target


def test_a_picture_that_was_exposed_too_short_is_no_night() -> None:
    image = pictures(0.01)
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN)


@pytest.mark.parametrize(
    ("mean", "white", "target"),
    [
        (0.05, 0.0, 0.44),
        (0.26, 0.0, 0.44),
        (0.31, 0.0, 0.375),  # half way
        (0.36, 0.0, 0.36),
        (0.45, 0.0, 0.45),
        (0.56, 0.2, 0.56),
        (0.8, 0.0, 0.8),  # snow
        (0.8, 0.3, 0.3 * 0.7 + 0.7 * 0.44),  # over-exposed: what is clipped stays pale
    ],
)
def test_what_suits_a_picture(mean: float, white: float, target: float) -> None:
    image = torch.full((1, 3, 10, 100), (mean - white) / (1 - white))
    image[..., : round(100 * white)] = 1.0
    assert suited_target(image).item() == pytest.approx(target, abs=1e-4)
    assert suited_target(image.numpy()).item() == pytest.approx(target, abs=1e-4)


@pytest.mark.parametrize(("dark", "night"), [(1 / 255, 0.9), (5 / 255, 0.0)])
def test_a_night_is_empty_where_it_is_black_and_a_dark_room_is_not(dark: float, night: float) -> None:
    image = torch.full((1, 3, 20, 20), dark)
    image[..., :4, :10] = 0.8
    for values in (image, image.numpy()):
        assert night_share(values).item() == pytest.approx(night)
        assert suited_target(values).item() == pytest.approx(EXPOSED_MEAN - 0.3 * night)
