"""The level that brings an enhanced picture to a brightness, in PyTorch and in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zero_dce import exposure
from zero_dce.curves import apply_curves
from zero_dce.exposure import (
    EXPOSED_MEAN,
    GRID,
    MOST_NEWLY_CLIPPED,
    NEAR_WHITE,
    check_exposure,
    enhance_at_mean,
    exposure_level,
    level_for,
    shift_exposure,
    suited_target,
)


def pictures(*means: float, side: int = 24, spread: float = 0.5) -> torch.Tensor:
    """Return pictures of noise around these means."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(len(means), 3, side, side, generator=generator) - 0.5
    return (torch.tensor(means).view(-1, 1, 1, 1) * (1 + spread * noise)).clamp(0, 1)


def maps_of(image: torch.Tensor, channels: int = 24) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 1.2 * torch.rand(len(image), channels, *image.shape[2:], generator=generator) - 0.8


def means_of(values: Any) -> list[float]:
    return [float(value) for value in values.reshape(len(values), -1).mean(1)]


@pytest.mark.parametrize("channels", [3, 24])
@pytest.mark.parametrize("as_array", [torch.as_tensor, np.asarray])
def test_the_mean_is_the_target(channels: int, as_array: Any) -> None:
    """Of each picture for itself: darkened as well as brightened."""
    image = as_array(pictures(0.02, 0.2, 0.7))
    maps = as_array(maps_of(torch.as_tensor(image), channels))
    for target in (0.3, 0.44, 0.6):
        enhanced = apply_curves(image, shift_exposure(maps, exposure_level(image, maps, target)))
        assert type(enhanced) is type(image)
        assert means_of(enhanced) == pytest.approx([target] * 3, abs=2e-4)


@settings(deadline=None, max_examples=30)
@given(st.floats(-0.5, 0.5), st.floats(0.01, 0.5))
def test_a_higher_level_darkens_no_pixel(level: float, more: float) -> None:
    image = pictures(0.1, 0.5, 0.9, side=6)
    maps = maps_of(image)
    shifted = [shift_exposure(maps, value) for value in (level, level + more)]
    assert all(one.abs().max() <= 1 for one in shifted)
    lower, higher = (apply_curves(image, one) for one in shifted)
    assert (higher >= lower - 1e-6).all()
    assert (higher > lower).any()


def test_a_picture_that_is_there_already_stays() -> None:
    image = pictures(0.3, 0.6)
    maps = maps_of(image)
    there = apply_curves(image, maps).mean((1, 2, 3), keepdim=True)
    assert exposure_level(image, maps, there).abs().max() <= 2e-4
    assert torch.equal(shift_exposure(maps, 0.0), maps)


def test_a_black_picture_stays_black() -> None:
    image = torch.zeros(1, 3, 8, 8)
    level = exposure_level(image, maps_of(image), 0.44)
    assert level.item() == pytest.approx(2, abs=1e-3)
    assert torch.equal(apply_curves(image, shift_exposure(maps_of(image), level)), image)


def test_a_large_picture_is_measured_on_a_grid() -> None:
    image = pictures(0.1, side=4 * GRID + 3)
    maps = maps_of(image)
    enhanced = apply_curves(image, shift_exposure(maps, exposure_level(image, maps, 0.44)))
    assert means_of(enhanced) == pytest.approx([0.44], abs=0.005)


def test_lights_in_a_black_sky_are_not_blown() -> None:
    """A tenth of the picture is lit: the target would need all of it to be white."""
    image = torch.full((1, 3, 20, 20), 0.01)
    image[..., :4, :10] = 0.6 + 0.3 * torch.rand(1, 3, 4, 10, generator=torch.Generator().manual_seed(0))
    maps = torch.zeros(1, 24, 20, 20)
    free, held = exposure_level(image, maps, EXPOSED_MEAN), level_for("auto", image, maps)
    blown, kept = (apply_curves(image, shift_exposure(maps, level)) for level in (free, held))
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN - 0.3 * 0.9)
    assert (blown > NEAR_WHITE).float().mean() > 0.09
    assert (kept > NEAR_WHITE).float().mean() <= MOST_NEWLY_CLIPPED
    assert image.mean() < kept.mean() < 0.2, "night stays night"


def test_a_dark_room_with_a_window_is_brightened_until_the_window_would_clip() -> None:
    image = torch.full((1, 3, 20, 20), 0.06)
    image[..., :4, :10] = 0.6 + 0.3 * torch.rand(1, 3, 4, 10, generator=torch.Generator().manual_seed(0))
    maps = torch.zeros(1, 24, 20, 20)
    kept = apply_curves(image, shift_exposure(maps, level_for("auto", image, maps)))
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN)
    assert 0.5 * MOST_NEWLY_CLIPPED < (kept > NEAR_WHITE).float().mean() <= MOST_NEWLY_CLIPPED
    assert kept.mean() > 1.5 * image.mean()


def test_a_burnt_picture_is_darkened_until_it_would_be_crushed() -> None:
    """Half of it is white, and some of what is left is so dark already that the target would need it black."""
    image = torch.full((1, 3, 20, 20), 0.7)
    image[..., :10, :] = 1.0
    image[..., 10:12, :] = torch.linspace(0.03, 0.1, 20)
    maps = torch.zeros(1, 24, 20, 20)
    free, held = exposure_level(image, maps, suited_target(image)), level_for("auto", image, maps)
    crushed, kept = (apply_curves(image, shift_exposure(maps, level)) < 0.02 for level in (free, held))
    assert free < held < 0
    assert crushed.float().mean() > 1.4 * MOST_NEWLY_CLIPPED
    assert 0.4 * MOST_NEWLY_CLIPPED < kept.float().mean() <= MOST_NEWLY_CLIPPED


def test_a_picture_that_was_exposed_too_short_is_no_night() -> None:
    image = pictures(0.01)
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN)


def test_what_was_white_before_may_stay_so() -> None:
    image = pictures(0.05)
    image[..., :4, :] = 1.0
    level = level_for("auto", image, 0 * maps_of(image))
    assert level > 0.1
    assert apply_curves(image, shift_exposure(0 * maps_of(image), level)).mean() == pytest.approx(0.44, abs=0.02)


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
        (0.8, 0.3, 0.3 + 0.7 * 0.44),  # over-exposed: what is clipped stays
    ],
)
def test_what_suits_a_picture(mean: float, white: float, target: float) -> None:
    image = torch.full((1, 3, 10, 100), (mean - white) / (1 - white))
    image[..., : round(100 * white)] = 1.0
    assert suited_target(image).item() == pytest.approx(target, abs=1e-4)
    assert suited_target(image.numpy()).item() == pytest.approx(target, abs=1e-4)


def test_the_gradient_knows_that_the_level_follows_the_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shifting all maps changes nothing, so no loss has a gradient along it; one number of a map has its own."""
    # As exact as the numeric derivative that it is compared with.
    monkeypatch.setattr(exposure, "BISECTIONS", 50)
    monkeypatch.setattr(exposure, "NUDGE", 1e-5)
    image = pictures(0.1, 0.3, side=8).double()
    maps = (0.5 * maps_of(image.float())).double().requires_grad_()
    wanted = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(3)).double()
    target = torch.tensor([0.3, 0.5]).double().view(2, 1, 1, 1)

    def loss(curve_maps: torch.Tensor) -> torch.Tensor:
        return (enhance_at_mean(image, curve_maps, target) - wanted).square().mean()

    assert means_of(enhance_at_mean(image, maps, target).detach()) == pytest.approx([0.3, 0.5], abs=1e-7)
    loss(maps).backward()
    assert maps.grad is not None
    assert (maps.grad.sum((1, 2, 3)).abs() < 1e-6 * maps.grad.abs().sum((1, 2, 3))).all()
    for place in ((0, 5, 2, 3), (1, 20, 7, 0)):
        more, less = maps.detach().clone(), maps.detach().clone()
        more[place] += 1e-4
        less[place] -= 1e-4
        assert ((loss(more) - loss(less)) / 2e-4).item() == pytest.approx(maps.grad[place].item(), rel=1e-3)


def test_no_gradient_flows_through_the_search() -> None:
    image = pictures(0.1)
    maps = maps_of(image).requires_grad_()
    level = exposure_level(image, maps, 0.44)
    assert not level.requires_grad
    shift_exposure(maps, level).sum().backward()
    assert maps.grad is not None
    assert maps.grad.unique().tolist() in ([0.0, 1.0], [1.0]), "of what is not clamped"


@pytest.mark.parametrize("value", ["auto", "off", 0.05, 0.95])
def test_exposures(value: str | float) -> None:
    check_exposure("--exposure", value)
    image = pictures(0.1)
    assert level_for(value, image, maps_of(image)).shape == (1, 1, 1, 1)
    assert (level_for(value, image, maps_of(image)) == 0).all() == (value == "off")


@pytest.mark.parametrize("value", ["", "automatic", "0,4", 0.0, 1.0, float("nan"), True, None])
def test_wrong_exposures(value: object) -> None:
    with pytest.raises(ValueError, match=r"--exposure is .*; expected"):
        check_exposure("--exposure", value)
