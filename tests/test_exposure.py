"""The exposure that brings an enhanced picture to a brightness, in PyTorch and in NumPy."""

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
    MOST_EV,
    MOST_LIFT,
    MOST_NEWLY_CLIPPED,
    WHITEST,
    check_exposure,
    develop,
    enhance_at,
    ev_to_reach,
    expose,
    expose_to_mean,
    lift,
    lift_to_reach,
    stops_for,
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


@pytest.mark.parametrize("as_array", [torch.as_tensor, np.asarray])
def test_the_mean_is_the_target(as_array: Any) -> None:
    """Of each picture for itself: darkened as well as brightened."""
    image = as_array(pictures(0.02, 0.2, 0.7))
    for target in (0.3, 0.44, 0.6):
        exposed = expose(image, ev_to_reach(image, target))
        assert type(exposed) is type(image)
        assert exposed.dtype == image.dtype
        assert means_of(exposed) == pytest.approx([target] * 3, abs=2e-4)


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


def test_a_picture_that_is_there_already_stays() -> None:
    image = pictures(0.3, 0.6)
    assert ev_to_reach(image, image.mean((1, 2, 3), keepdim=True)).abs().max() <= 5e-4
    assert torch.allclose(expose(image, 0.0), image, atol=1e-6)


@pytest.mark.parametrize("stops", [0.0, 0.5, 2.0, 8.0])
def test_lifting_keeps_the_order_and_both_ends(stops: float) -> None:
    levels = torch.linspace(0, 1, 256).double().view(1, 1, 1, 256)
    lifted = lift(levels, stops)
    assert (lifted.diff() > 0).all()
    assert lifted[..., 0] == 0
    assert ((lifted > WHITEST) == (levels > WHITEST)).all(), "what was not white does not become it"
    assert (lifted[..., :-1] >= levels[..., :-1] - 1e-12).all()
    assert lift(torch.tensor(1e-9).double(), stops).item() == pytest.approx(2**stops * 1e-9, rel=1e-5)
    torch.testing.assert_close(lift(levels, 0.0), levels)


def test_lifting_reaches_a_mean_and_never_darkens() -> None:
    image = pictures(0.1, 0.3, 0.6)
    stops = lift_to_reach(image, 0.44)
    assert means_of(lift(image, stops)) == pytest.approx([0.44, 0.44, image[2].mean().item()], abs=2e-4)
    assert stops[2] == 0
    assert np.allclose(lift_to_reach(image.numpy(), 0.44), stops, atol=1e-3)


def test_a_black_picture_stays_black() -> None:
    image = torch.zeros(1, 3, 8, 8)
    ev = ev_to_reach(image, 0.44)
    assert ev.item() == pytest.approx(MOST_EV, abs=1e-3)
    assert expose(image, ev).max() < 0.5 / 255


def test_a_large_picture_is_measured_on_a_grid() -> None:
    image = pictures(0.1, side=4 * GRID + 3)
    assert means_of(expose(image, ev_to_reach(image, 0.44))) == pytest.approx([0.44], abs=0.005)


def test_a_picture_that_keeps_its_mean_is_not_brightened_by_what_the_grid_leaves_out() -> None:
    """On the grid's pixels it is darker than elsewhere."""
    image = pictures(0.7, side=2 * GRID, spread=0.3)
    image[..., 1::2, 1::2] -= 0.05
    assert stops_for("auto", image, image).abs().max() <= 1e-3


def test_lights_in_a_black_sky_are_not_blown() -> None:
    """A tenth of the picture is lit: the target would need all of it to be white."""
    image = torch.full((1, 3, 20, 20), 0.01)
    image[..., :4, :10] = 0.6 + 0.3 * torch.rand(1, 3, 4, 10, generator=torch.Generator().manual_seed(0))
    blown = expose(image, ev_to_reach(image, EXPOSED_MEAN))
    kept = develop(image, stops_for("auto", image, image))
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN - 0.3 * 0.9)
    assert (blown > WHITEST).float().mean() > 0.09
    assert (kept > WHITEST).float().mean() <= MOST_NEWLY_CLIPPED
    assert image.mean() < kept.mean() < 0.2, "night stays night"
    assert stops_for("auto", image, image)[0, 1] == 0, "and its sky is not lifted"


def test_a_dark_room_is_exposed_until_its_window_would_clip_and_lifted_from_there() -> None:
    image = torch.full((1, 3, 20, 20), 0.06)
    image[..., :4, :10] = 0.6 + 0.3 * torch.rand(1, 3, 4, 10, generator=torch.Generator().manual_seed(0))
    kept = develop(image, stops_for("auto", image, image))
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN)
    assert 0.5 * MOST_NEWLY_CLIPPED < (kept > WHITEST).float().mean() <= MOST_NEWLY_CLIPPED
    exposed, lifted = stops_for("auto", image, image).flatten().tolist()
    assert 0.2 < exposed < ev_to_reach(image, EXPOSED_MEAN).item() - 0.5
    assert lifted == MOST_LIFT
    brighter = image.clamp(min=0.08)
    lit = develop(brighter, stops_for("auto", brighter, brighter))
    assert 0 < stops_for("auto", brighter, brighter)[0, 1] < MOST_LIFT
    assert lit.mean() == pytest.approx(EXPOSED_MEAN, abs=0.002)
    assert stops_for(0.44, image, image)[0, 1] == 0, "what is asked for is reached by exposing"


def test_a_burnt_picture_is_darkened_until_it_would_be_crushed() -> None:
    """Half of it is white, and some of what is left is so dark already that the target would need it black."""
    image = torch.full((1, 3, 20, 20), 0.7)
    image[..., :10, :] = 1.0
    image[..., 10:12, :] = torch.linspace(0.021, 0.04, 20)
    free, held = ev_to_reach(image, suited_target(image)), stops_for("auto", image, image)[:, :1]
    crushed, kept = (expose(image, ev) < 0.02 for ev in (free, held))
    assert free < held < 0
    assert crushed.float().mean() > 1.4 * MOST_NEWLY_CLIPPED
    assert 0.4 * MOST_NEWLY_CLIPPED < kept.float().mean() <= MOST_NEWLY_CLIPPED


def test_what_the_enhancement_clips_counts_as_newly_clipped() -> None:
    image = pictures(0.2)
    enhanced = (image * 5).clamp(0, 1)
    assert (enhanced > WHITEST).float().mean() > 0.05
    ev = ev_to_reach(enhanced, 0.97, image, MOST_NEWLY_CLIPPED)
    assert (expose(enhanced, ev) > WHITEST).float().mean() <= MOST_NEWLY_CLIPPED
    assert ev < ev_to_reach(enhanced, 0.97, enhanced, MOST_NEWLY_CLIPPED)


def test_a_picture_that_was_exposed_too_short_is_no_night() -> None:
    image = pictures(0.01)
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN)


def test_what_was_white_before_may_stay_so() -> None:
    image = pictures(0.05)
    image[..., :4, :] = 1.0
    exposed = develop(image, stops_for("auto", image, image))
    assert exposed.mean() == pytest.approx(0.44, abs=0.02)


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


def test_the_gradient_knows_that_the_exposure_follows_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exposing all of a picture anew changes nothing, so no loss has a gradient along it; one value has its own."""
    # As exact as the numeric derivative that it is compared with.
    monkeypatch.setattr(exposure, "BISECTIONS", 50)
    monkeypatch.setattr(exposure, "NUDGE", 1e-5)
    image = pictures(0.2, 0.3, side=8).double()
    ev = torch.zeros(2, 1, 1, 1).double().requires_grad_()
    wanted = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(3)).double()
    target = torch.tensor([0.3, 0.5]).double().view(2, 1, 1, 1)

    def loss(enhanced: torch.Tensor) -> torch.Tensor:
        return (expose_to_mean(enhanced, target) - wanted).square().mean()

    assert means_of(expose_to_mean(image, target)) == pytest.approx([0.3, 0.5], abs=1e-7)
    enhanced = expose(image, ev)
    enhanced.retain_grad()
    loss(enhanced).backward()
    assert ev.grad is not None
    assert enhanced.grad is not None
    assert (ev.grad.abs() < 1e-6).all()
    for place in ((0, 0, 2, 3), (1, 2, 7, 0)):
        more, less = enhanced.detach().clone(), enhanced.detach().clone()
        more[place] += 1e-4
        less[place] -= 1e-4
        assert ((loss(more) - loss(less)) / 2e-4).item() == pytest.approx(enhanced.grad[place].item(), rel=1e-3)


def test_gradients_are_finite_at_black_and_white() -> None:
    image = torch.tensor([0.0, 1e-12, 0.4, 1.0]).expand(1, 3, 4, 4).clone().requires_grad_()
    expose_to_mean(image, 0.3).square().sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert (image.grad[..., 2] != 0).all()


def test_no_gradient_flows_through_the_search() -> None:
    image = pictures(0.1).requires_grad_()
    assert not ev_to_reach(image, 0.44).requires_grad


@pytest.mark.parametrize("value", ["auto", "off", 0.05, 0.95])
def test_exposures(value: str | float) -> None:
    check_exposure("--exposure", value)
    image = pictures(0.1)
    assert stops_for(value, image, image).shape == (1, 2, 1, 1)
    assert (stops_for(value, image, image) == 0).all() == (value == "off")
    assert torch.equal(enhance_at(value, image, 0 * maps_of(image)), image) == (value == "off")


def test_enhancing_at_an_exposure() -> None:
    image = pictures(0.1, 0.3)
    maps = maps_of(image)
    assert torch.equal(enhance_at("off", image, maps), apply_curves(image, maps))
    assert means_of(enhance_at(0.5, image, maps)) == pytest.approx([0.5, 0.5], abs=2e-4)


@pytest.mark.parametrize("value", ["", "automatic", "0,4", 0.0, 1.0, float("nan"), True, None])
def test_wrong_exposures(value: object) -> None:
    with pytest.raises(ValueError, match=r"--exposure is .*; expected"):
        check_exposure("--exposure", value)
