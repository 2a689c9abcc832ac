"""Smoothing the noise that enhancing has brightened."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from zero_dce.exposure.response import expose
from zero_dce.images.denoise import NOISE_LEVELS, RADIUS, REACH, denoise_whole, levels_for

SIDE = 48


def random_pictures(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def noisy_step(levels: float) -> Tensor:
    """A dark picture of two grey areas, 6 and 14 levels bright, with noise, in 8 bits: 1 x 3 x SIDE x SIDE."""
    clean = torch.full((1, 3, SIDE, SIDE), 6.0)
    clean[..., SIDE // 2 :] = 14.0
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    return (clean + levels * noise).round().clip(0, 255) / 255


def guided(image: np.ndarray, enhanced: np.ndarray, levels: float) -> np.ndarray:
    """The filter pixel by pixel, by its formulas, on pictures 3 x H x W: an independent computation."""
    image, enhanced = (np.pad(x, ((0, 0), *2 * [(REACH, REACH)]), mode="edge") for x in (image, enhanced))
    guide, dark = enhanced.mean(axis=0), image.mean(axis=0)
    height, width = guide.shape
    slope, offset = np.zeros((2, 3, height, width))
    gains = np.zeros((height, width))
    for y in range(RADIUS, height - RADIUS):
        for x in range(RADIUS, width - RADIUS):
            window = (slice(y - RADIUS, y + RADIUS + 1), slice(x - RADIUS, x + RADIUS + 1))
            g, p = guide[window].ravel(), enhanced[(slice(None), *window)].reshape(3, -1)
            gains[y, x] = max((g.mean() + 0.5 / 255) / (dark[window].mean() + 0.5 / 255) - 1, 0)
            threshold = (gains[y, x] * levels / 255) ** 2 + 1e-6
            slope[:, y, x] = ((p - p.mean(1, keepdims=True)) * (g - g.mean())).mean(1) / (g.var() + threshold)
            offset[:, y, x] = p.mean(1) - slope[:, y, x] * g.mean()
    output = np.zeros((3, height - 2 * REACH, width - 2 * REACH))
    for y, x in np.ndindex(output.shape[1:]):
        row, column = y + REACH, x + REACH
        window = (slice(None), slice(row - RADIUS, row + RADIUS + 1), slice(column - RADIUS, column + RADIUS + 1))
        smooth = slope[window].mean((1, 2)) * guide[row, column] + offset[window].mean((1, 2))
        share = min(gains[row, column], 1)
        output[:, y, x] = (1 - share) * enhanced[:, row, column] + share * smooth
    return output.clip(0, 1)


@pytest.mark.parametrize("levels", [0.5, 3.0])
def test_it_is_the_guided_filter_at_the_noise_of_each_place(levels: float) -> None:
    image = random_pictures(2, 3, 9, 14).double() / 6
    enhanced = (image + 0.3 * random_pictures(2, 3, 9, 14, seed=2)).clip(0, 1)
    enhanced[0, :, :4] = image[0, :, :4] / 2  # a part is darkened
    found = denoise_whole(image, enhanced, levels)
    for number in range(2):
        expected = guided(image[number].numpy(), enhanced[number].numpy(), levels)
        np.testing.assert_allclose(found[number].numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("ev", [0.0, -0.5, -3.0])
def test_what_is_not_brightened_stays_as_it_is(ev: float) -> None:
    image = random_pictures(1, 3, 30, 40)
    darkened = image if ev == 0 else expose(image, ev)
    assert torch.equal(denoise_whole(image, darkened, 8.0), darkened)


def test_noise_goes_and_edges_stay() -> None:
    dark = noisy_step(levels=1.0)
    bright = expose(dark, 2.0)
    smooth = denoise_whole(dark, bright)
    left, right = (..., slice(4, SIDE // 2 - 2)), (..., slice(SIDE // 2 + 2, SIDE - 4))
    for area in (left, right):
        assert smooth[area].std() < 0.5 * bright[area].std()
        assert smooth[area].mean() == pytest.approx(bright[area].mean().item(), rel=0.02)
    before = bright[..., SIDE // 2].mean() - bright[..., SIDE // 2 - 1].mean()
    after = smooth[..., SIDE // 2].mean() - smooth[..., SIDE // 2 - 1].mean()
    assert after > 0.85 * before
    # Grains of colour go too.
    assert (smooth[left] - smooth[left].mean(1, keepdim=True)).std() < 0.4 * (
        bright[left] - bright[left].mean(1, keepdim=True)
    ).std()


def test_more_levels_smooth_more_and_none_nothing() -> None:
    dark = noisy_step(levels=2.0)
    bright = expose(dark, 2.0)
    area = (..., slice(4, SIDE // 2 - 4))
    spread = [denoise_whole(dark, bright, levels)[area].std().item() for levels in (0.5, 1.0, 2.0, 4.0)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 0.7 * spread[0]


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("size", [(1, 1), (1, 20), (33, 2)])
def test_pictures_of_one_value_and_of_any_size_are_finite(value: float, size: tuple[int, int]) -> None:
    image = torch.full((1, 3, *size), value)
    for enhanced in (torch.ones_like(image), torch.zeros_like(image)):
        found = denoise_whole(image, enhanced)
        assert found.shape == image.shape
        torch.testing.assert_close(found, enhanced, atol=1e-5, rtol=0)


def test_what_a_network_gives_unexposed_is_left_alone() -> None:
    assert [levels_for(exposure) for exposure in ("off", "auto", 0.44)] == [0, NOISE_LEVELS, NOISE_LEVELS]
