"""The exposure as users set it."""

from __future__ import annotations

import pytest
import torch

from tests.helpers.exposures import maps_of, means_of, pictures
from zero_dce.curves import apply_curves
from zero_dce.exposure.dodging import DARKEST, MOST_DODGED, SHADOWS
from zero_dce.exposure.response import WHITEST, expose
from zero_dce.exposure.search import GRID, ev_to_reach
from zero_dce.exposure.setting import MOST_NEWLY_CLIPPED, check_exposure, develop, enhance_at, stops_for
from zero_dce.exposure.suited import EXPOSED_MEAN, suited_target


def test_a_picture_that_keeps_its_mean_is_not_brightened_by_what_the_grid_leaves_out() -> None:
    """On the grid's pixels it is darker than elsewhere."""
    image = pictures(0.7, side=2 * GRID, spread=0.3)
    image[..., 1::2, 1::2] -= 0.05
    assert stops_for("auto", image, image).abs().max() <= 1e-3


def test_lights_in_a_black_sky_are_not_blown() -> None:
    """A tenth of the picture is lit: the target would need all of it to be white."""
    image = torch.full((1, 3, 20, 20), 0.008)
    image[..., :4, :10] = 0.6 + 0.3 * torch.rand(1, 3, 4, 10, generator=torch.Generator().manual_seed(0))
    blown = expose(image, ev_to_reach(image, EXPOSED_MEAN))
    kept = develop(image, stops_for("auto", image, image))
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN - 0.3 * 0.9)
    assert (blown > WHITEST).float().mean() > 0.09
    assert (kept > WHITEST).float().mean() <= MOST_NEWLY_CLIPPED
    assert image.mean() < kept.mean() < 0.2, "night stays night"
    assert stops_for("auto", image, image)[0, 1] == 0, "and its sky is not dodged"


def test_a_dark_room_is_exposed_until_its_window_would_clip_and_dodged_from_there() -> None:
    image = torch.full((1, 3, 20, 20), 0.025)
    image[..., :4, :10] = 0.6 + 0.3 * torch.rand(1, 3, 4, 10, generator=torch.Generator().manual_seed(0))
    stops = stops_for("auto", image, image)
    ev, dodge = stops.flatten().tolist()
    assert suited_target(image).item() == pytest.approx(EXPOSED_MEAN)
    assert 0.2 < ev < ev_to_reach(image, EXPOSED_MEAN).item() - 0.5
    assert dodge == MOST_DODGED
    window, exposed = develop(image, stops)[..., :4, :10], expose(image, ev)
    assert (exposed > WHITEST).float().mean() <= MOST_NEWLY_CLIPPED
    assert (window - exposed[..., :4, :10]).mean() < 0.03, "the window keeps its tones"
    assert develop(image, stops)[..., 10:, :].mean() > 2 * exposed[..., 10:, :].mean()
    brighter = image.clamp(min=0.08)
    assert 0 < stops_for("auto", brighter, brighter)[0, 1] < MOST_DODGED
    lit = develop(brighter, stops_for("auto", brighter, brighter))
    assert lit.mean() == pytest.approx(EXPOSED_MEAN, abs=0.003)
    assert stops_for(0.44, image, image)[0, 1] == 0, "what is asked for is reached by exposing"


def test_dark_ground_before_a_bright_sky_is_dodged_though_the_mean_is_well() -> None:
    image = pictures(0.75, spread=0.1)
    image[..., 14:, :] = pictures(0.04)[..., 14:, :]
    stops = stops_for("auto", image, image)
    developed = develop(image, stops)
    assert stops[0, 0].abs() < 1e-3
    assert 0.5 < stops[0, 1] < MOST_DODGED
    darkest = developed.mean(1).flatten().sort().values[: int(DARKEST * 24 * 24)]
    assert darkest.mean() == pytest.approx(SHADOWS, abs=0.02)
    assert (developed - image)[..., :10, :].abs().max() < 0.03, "the sky stays"
    assert (developed > WHITEST).sum() == 0


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


def test_what_was_white_before_may_stay_so() -> None:
    image = pictures(0.05)
    image[..., :4, :] = 1.0
    exposed = develop(image, stops_for("auto", image, image))
    assert exposed.mean() == pytest.approx(0.44, abs=0.02)


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
