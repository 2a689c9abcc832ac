from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.helpers.pictures import make_picture
from zero_dce.data.augment import Augmentation, cut, expose_anew

PICTURE = torch.from_numpy(np.asarray(make_picture(0, 0.4, 30, 20)).copy())


def many(augmentation: Augmentation, size: int = 20) -> list[torch.Tensor]:
    return [augmentation(PICTURE, size, (0, 0, index)) for index in range(64)]


def test_a_change_is_a_function_of_its_seed() -> None:
    augmentation = Augmentation(crop=1.0, flip=True, flip_vertical=True, exposure_ev=1.0)
    for one, other in zip(many(augmentation, 10), many(augmentation, 10), strict=True):
        assert torch.equal(one, other)
    changed = [augmentation(PICTURE, 10, seed) for seed in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert not any(torch.equal(changed[0], other) for other in changed[1:])


def test_nothing_is_changed_by_default() -> None:
    square = PICTURE[:, :20]
    assert torch.equal(Augmentation()(square, 20, (0, 0, 0)), square)


@pytest.mark.parametrize(("option", "axis"), [("flip", 1), ("flip_vertical", 0)])
def test_flips_happen_half_of_the_time(option: str, axis: int) -> None:
    square = PICTURE[:, :20]
    changed = [Augmentation(**{option: True})(square, 20, (0, 0, index)) for index in range(200)]
    mirrored = [torch.equal(picture, square.flip(axis)) for picture in changed]
    assert all(now or torch.equal(picture, square) for now, picture in zip(mirrored, changed, strict=True))
    assert 70 < sum(mirrored) < 130


def test_crops_reach_both_ends() -> None:
    lefts = {
        left
        for crop in many(Augmentation(crop=1.0))
        for left in range(11)
        if torch.equal(crop, PICTURE[:, left : left + 20])
    }
    assert {0, 10} < lefts
    assert len(lefts) > 8
    assert torch.equal(cut(PICTURE, 20), PICTURE[:, 5:25]), "the middle"


def test_exposure_is_in_linear_light() -> None:
    grey = torch.full((2, 2, 3), 188, dtype=torch.uint8)  # half of the light
    assert expose_anew(grey, 0)[0, 0, 0] == 188
    assert expose_anew(grey, 1).min() == 255
    assert expose_anew(grey, -1)[0, 0, 0] == 137  # a quarter of the light: 0.2515 is 137 in sRGB
    assert expose_anew(grey, 4).max() == 255, "highlights clip"


def test_exposure_stays_within_its_range() -> None:
    means = [picture.float().mean() for picture in many(Augmentation(exposure_ev=1.0))]
    low, high = (expose_anew(PICTURE[:, :], ev).float().mean() for ev in (-1, 1))
    assert low - 20 < min(means) < PICTURE.float().mean() < max(means) < high + 20
