from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.helpers.pictures import make_picture
from zero_dce.data.augment import Augmentation, cut, expose_anew
from zero_dce.data.dataset import PictureDataset
from zero_dce.images.light import linear_to_srgb, srgb_to_linear

PICTURE = torch.from_numpy(np.asarray(make_picture(0, 0.4, 30, 20)).copy())


def many(augmentation: Augmentation, size: int = 20) -> list[torch.Tensor]:
    return [*augmentation([PICTURE] * 64, size, [(0, 0, index) for index in range(64)])]


def test_a_change_is_a_function_of_its_seed() -> None:
    augmentation = Augmentation(crop=1.0, flip=True, flip_vertical=True, exposure_ev=1.0)
    for one, other in zip(many(augmentation, 10), many(augmentation, 10), strict=True):
        assert torch.equal(one, other)
    changed = augmentation([PICTURE] * 4, 10, [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
    alone = augmentation([PICTURE], 10, [(0, 1, 0)])
    assert torch.equal(changed[2], alone[0]), "whatever else is in the batch"
    assert not any(torch.equal(changed[0], other) for other in changed[1:])


def test_nothing_is_changed_by_default() -> None:
    square = PICTURE[:, :20]
    assert torch.equal(Augmentation()([square], 20, [(0, 0, 0)])[0], square)


@pytest.mark.parametrize(("option", "axis"), [("flip", 1), ("flip_vertical", 0)])
def test_flips_happen_half_of_the_time(option: str, axis: int) -> None:
    square = PICTURE[:, :20]
    changed = Augmentation(**{option: True})([square] * 200, 20, [(0, 0, index) for index in range(200)])
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
    grey = torch.full((4, 2, 2, 3), 188, dtype=torch.uint8)  # half of the light
    same, twice, half, clipped = expose_anew(grey, [0, 1, -1, 4])
    assert same.unique().tolist() == [188]
    assert twice.unique().tolist() == [255]
    assert half.unique().tolist() == [137]  # a quarter of the light: 0.2515 is 137 in sRGB
    assert clipped.unique().tolist() == [255], "highlights clip"


def test_exposure_stays_within_its_range() -> None:
    means = [picture.float().mean() for picture in many(Augmentation(exposure_ev=1.0))]
    low, high = (picture.float().mean() for picture in expose_anew(torch.stack([PICTURE] * 2), [-1, 1]))
    assert low - 20 < min(means) < PICTURE.float().mean() < max(means) < high + 20


def test_each_picture_has_its_own_exposure_to_the_last_level() -> None:
    """Drawn from its own seed, and computed as for one picture alone: by its table, in NumPy."""
    seeds = [(3, 5, index) for index in range(8)]
    found = Augmentation(exposure_ev=2.0)([PICTURE[:, :20]] * 8, 20, seeds)
    for picture, seed in zip(found, seeds, strict=True):
        ev = 2.0 * (2 * np.random.default_rng(seed).random(5)[4] - 1)
        table = linear_to_srgb(srgb_to_linear(np.arange(256)) * 2.0**ev)
        assert np.array_equal(picture.numpy(), table[PICTURE[:, :20].numpy()])


class CopyCount(TorchDispatchMode):
    """Count what is copied from one device to another."""

    copies = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.copies += function is torch.ops.aten._to_copy.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("count", [1, 16])
def test_a_batch_on_a_device_is_changed_without_waiting_for_it(count: int) -> None:
    """A tensor on the device meta has no values: whatever asked for one, and so would wait, raises an error."""
    picture = PICTURE.to("meta")
    augmentation = Augmentation(crop=1.0, flip=True, flip_vertical=True, exposure_ev=1.0)
    dataset = PictureDataset(lambda _: picture, ["a"] * count, 16, augmentation=augmentation)
    with CopyCount() as counted:
        batch = dataset.__getitems__([(0, index) for index in range(count)])
    assert (batch["image"].device.type, batch["image"].shape) == ("meta", (count, 3, 16, 16))
    assert counted.copies == 1, "all tables at once"
    with pytest.raises(NotImplementedError):
        picture[picture > 3].to("cpu")
