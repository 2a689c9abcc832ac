from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.pictures import pixels
from zero_dce.metrics.picture import (
    brightened_bright,
    brightened_by,
    brightness,
    clipped_share,
    entropy,
    lightness_order_error,
    noise,
    saturation,
    saturation_ratio,
)


def test_brightness_by_hand() -> None:
    assert brightness(pixels((0.0, 0.3, 0.6), (1.0, 1.0, 1.0))).item() == pytest.approx(0.65)


def test_clipped_counts_what_saves_as_255() -> None:
    image = pixels((1.0, 0.0, 0.0), (254.6 / 255, 0.1, 0.1), (254.4 / 255, 0.1, 0.1), (0.5, 0.5, 0.5))
    assert clipped_share(image).item() == pytest.approx(0.5)


def test_saturation_by_hand() -> None:
    assert saturation(pixels((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 0.0, 0.0), (0.4, 0.3, 0.2))).item() == (
        pytest.approx((0 + 0 + 1 + 0.5) / 4)
    )


def test_saturation_ratio_by_hand() -> None:
    image = torch.cat([pixels((0.4, 0.3, 0.2)), pixels((0.2, 0.2, 0.2))])
    enhanced = torch.cat([pixels((0.8, 0.6, 0.6)), pixels((0.4, 0.4, 0.4))])
    ratio = saturation_ratio(image, enhanced)
    torch.testing.assert_close(ratio, torch.tensor([0.25 / 0.5, torch.nan]), equal_nan=True)


def test_entropy_by_hand() -> None:
    grey = [(level / 255,) * 3 for level in (10, 10, 20, 30)]
    assert entropy(pixels(*grey)).item() == pytest.approx(0.5 * 1 + 2 * 0.25 * 2)
    assert entropy(pixels(*[(0.4, 0.4, 0.4)] * 5)).item() == 0
    every = torch.arange(256).div(255).expand(2, 3, 4, 256)
    torch.testing.assert_close(entropy(every), torch.tensor([8.0, 8.0]))


def test_entropy_is_that_of_the_luminance() -> None:
    # 0.299, 0.587 and 0.114 of 255: three tones; pure red and a grey of level 76 are one.
    tones = pixels((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    assert entropy(tones).item() == pytest.approx(math.log2(3))
    assert entropy(pixels((1.0, 0.0, 0.0), (76 / 255,) * 3)).item() == 0


def test_a_batch_is_measured_picture_by_picture() -> None:
    torch.manual_seed(0)
    batch = torch.rand(3, 3, 20, 30) * torch.tensor([0.2, 0.6, 1.0]).view(3, 1, 1, 1)
    for measure in (entropy, noise):
        torch.testing.assert_close(measure(batch), torch.cat([measure(picture[None]) for picture in batch]))


@pytest.mark.parametrize("sigma", [2 / 255, 0.02, 0.1])
def test_noise_of_known_strength(sigma: float) -> None:
    """On a gradient with edges along rows and columns; 65,536 samples give the mean to 1 %."""
    generator = torch.Generator().manual_seed(1)
    picture = torch.linspace(0.2, 0.6, 256).expand(1, 3, 256, 256).clone()
    picture[..., :100, :] += 0.2
    noisy = picture + sigma * torch.randn(picture.shape, generator=generator)
    assert noise(noisy).item() == pytest.approx(sigma, rel=0.02)
    assert noise(picture).item() == pytest.approx(0, abs=1e-6)


def test_noise_by_hand() -> None:
    """One bright pixel in the middle: the mask answers 4 there, 2 beside it, 1 at the corners."""
    picture = torch.zeros(1, 3, 7, 7)
    picture[:, :, 3, 3] = 0.1
    assert noise(picture).item() == pytest.approx(0.1 * 16 / 25 * math.sqrt(math.pi / 2) / 6)
    assert noise(torch.zeros(1, 3, 2, 9)).isnan()


def test_bright_pictures_that_were_brightened() -> None:
    image = torch.tensor([0.7, 0.7, 0.5, 0.65]).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    enhanced = image + torch.tensor([0.1, -0.1, 0.3, 0.05]).view(4, 1, 1, 1)
    assert brightened_bright(image, enhanced).tolist() == [1, 0, 0, 1]
    by = brightened_by(image, enhanced)
    torch.testing.assert_close(by, torch.tensor([0.1, torch.nan, torch.nan, 0.05]), equal_nan=True)
    assert brightened_bright(image, enhanced, target=0.68).tolist() == [1, 0, 0, 0]
    assert brightened_bright(image, image).tolist() == [0, 0, 0, 0], "as bright as before is not brighter"


def slow_error(image: Tensor, enhanced: Tensor) -> float:
    """The published procedure, word by word, for one picture."""
    grids = []
    for picture in (image, enhanced):
        levels = (picture.double() * 255).round().amax(dim=0).numpy()
        height, width = levels.shape
        step = max(1, min(height, width) // 50)
        rows, columns = height // step, width // step
        grid = np.zeros((rows, columns))
        for row in range(rows):
            for column in range(columns):
                y, x = (row + 1) * step - 1, (column + 1) * step - 1
                grid[row, column] = levels[max(0, y - 7) : y + 8, max(0, x - 7) : x + 8].max()
        grids.append(grid.ravel())
    before, after = (grid.tolist() for grid in grids)
    changed = 0
    for here in range(len(before)):
        for there in range(len(before)):
            changed += (before[there] >= before[here]) != (after[there] >= after[here])
    return changed / len(before)


@pytest.mark.parametrize(("height", "width"), [(9, 14), (30, 20), (101, 107), (1, 1)])
def test_equals_the_double_loop(height: int, width: int) -> None:
    torch.manual_seed(0)
    image, enhanced = torch.rand(2, 3, height, width) ** 8, torch.rand(2, 3, height, width) ** 4
    # Within 15 x 15 pixels of noise the largest is nearly always the same: shade it.
    image *= torch.linspace(0.1, 1, width)
    enhanced *= torch.linspace(0.2, 1, height)[:, None]
    expected = [slow_error(*pair) for pair in zip(image, enhanced, strict=True)]
    torch.testing.assert_close(lightness_order_error(image, enhanced), torch.tensor(expected))
    assert height == 1 or min(expected) > 1


def test_one_curve_for_all_pixels_keeps_the_order() -> None:
    levels = torch.arange(0, 256, 8) / 255
    image = levels.repeat_interleave(20).repeat(3, 40, 1)[None]
    assert lightness_order_error(image, image.sqrt()).item() == 0


def test_by_hand() -> None:
    """Two halves of 50 rows change places; the local maximum lets the light half grow by 7 rows into the dark one."""
    dark, light = torch.full((1, 3, 50, 60), 0.2), torch.full((1, 3, 50, 60), 0.7)
    image, enhanced = torch.cat((dark, light), dim=2), torch.cat((light, dark), dim=2)
    # 43 rows become light, 14 are light before and after, 43 become dark. The order between the first and the last
    # changes seen from either; between these and the ones in the middle it changes seen from one of the two.
    pairs_of_rows = 2 * 43 * 43 + 43 * 14 + 14 * 43
    assert lightness_order_error(image, enhanced).item() == pytest.approx(pairs_of_rows * 60 * 60 / 6000)
