from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from zero_dce.losses import (
    DIRECTIONS,
    CompositeLoss,
    colour_constancy_loss,
    exposure_control_loss,
    illumination_smoothness_loss,
    local_colour_loss,
    restoration_loss,
    spatial_consistency_loss,
)
from zero_dce.train.configuration import config_folder

PRESETS = ("official", "paper", "report", "report_code", "plusplus", "self_dace")


def preset(name: str) -> dict[str, Any]:
    options: dict[str, Any] = yaml.safe_load((config_folder() / "loss" / f"{name}.yaml").read_text())
    if "defaults" in options:
        base = preset(options.pop("defaults")[0])
        options = {**base, "weights": {**base["weights"], **options["weights"]}}
    return options


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "published"),
    [("official", "official"), ("report_code", "seed"), ("paper", "paper"), ("report", "report")],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_published_values(
    name: str, published: str, dtype: torch.dtype, vectors: dict[str, np.ndarray], shared: Path
) -> None:
    expected = json.loads((shared / "vectors" / "published.json").read_text())["losses"][published]
    x, enhanced, maps = (torch.from_numpy(vectors[key]).to(dtype) for key in ("x", "enhanced", "curve_maps"))
    terms = CompositeLoss(**preset(name))(x, enhanced, maps).terms
    assert {key: value.item() for key, value in terms.items()} == pytest.approx(expected, rel=1e-5)


def two_regions(left: float, right: float) -> Tensor:
    """A picture of 2 x 1 regions of one pixel."""
    return torch.tensor([left, right]).expand(1, 3, 1, 2)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # Differences change from 0.1 to -0.3: signed by 0.4, absolute by 0.2; two regions, one neighbour each.
        ({"difference": "signed", "border": "none"}, 0.4**2),
        ({"difference": "absolute", "border": "none"}, 0.2**2),
        # Left and right of the pair, above and below it, regions compare with 0: they changed by 0.4 and by 0.
        ({"difference": "signed", "border": "zeros"}, (2 * 0.4**2 + 3 * 0.4**2) / 2),
        ({"difference": "signed", "border": "none", "directions": ["left"]}, 0.4**2 / 2),
        ({"difference": "signed", "border": "none", "directions": ["up", "down"]}, 0.0),
    ],
)
def test_spatial_by_hand(options: dict[str, Any], expected: float) -> None:
    loss = spatial_consistency_loss(two_regions(0.2, 0.3), two_regions(0.6, 0.3), region=1, **options)
    assert loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_each_direction_looks_its_own_way() -> None:
    before = torch.zeros(1, 3, 3, 3)
    after = before.clone()
    after[..., 0, 0] = 1.0  # the upper left corner, which only its right and lower neighbours see
    values = {
        direction: spatial_consistency_loss(before, after, region=1, border="none", directions=[direction]).item() * 9
        for direction in DIRECTIONS
    }
    assert values == pytest.approx(dict.fromkeys(DIRECTIONS, 1.0))
    after[..., 0, 2] = 1.0
    left = spatial_consistency_loss(before, after, region=1, border="zeros", directions=["left"]).item() * 9
    up = spatial_consistency_loss(before, after, region=1, border="zeros", directions=["up"]).item() * 9
    # Left: both corners against 0 or outside, and the middle against the left corner. Up: corners, and those below.
    assert (left, up) == pytest.approx((3.0, 4.0))


def test_unchanged_picture_has_no_spatial_loss() -> None:
    image = torch.rand(2, 3, 16, 16)
    assert spatial_consistency_loss(image, image).item() == 0


@pytest.mark.parametrize(("distance", "expected"), [("squared", 0.25 * 0.16 + 0.75 * 0.01), ("absolute", 0.175)])
def test_exposure_by_hand(distance: Any, expected: float) -> None:
    image = torch.full((1, 3, 32, 32), 0.5)
    image[..., :16, :16] = 1.0
    assert exposure_control_loss(image, distance=distance).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"power": 2, "root": False}, 0.01 + 0.09 + 0.04),
        ({"power": 2, "root": True}, math.sqrt(0.01 + 0.09 + 0.04)),
        ({"power": 4, "root": True}, math.sqrt(1e-4 + 81e-4 + 16e-4)),
        # The shares are the same values, 0.2, 0.3 and 0.5.
        ({"power": 2, "root": False, "compare": "shares"}, (2 / 15) ** 2 + (1 / 30) ** 2 + (1 / 6) ** 2),
    ],
)
def test_colour_by_hand(options: dict[str, Any], expected: float) -> None:
    image = torch.tensor([0.2, 0.3, 0.5]).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    assert colour_constancy_loss(image, **options).item() == pytest.approx(expected, rel=1e-5)
    if "compare" in options:
        darker = colour_constancy_loss(image / 10, **options)
        assert darker.item() == pytest.approx(expected, rel=1e-5), "shares do not depend on the brightness"


@pytest.mark.parametrize(
    ("colour", "target"),
    [
        ((0.2, 0.2, 0.2), 0.5),
        # One primary is at sqrt(2/3) from grey, two are at sqrt(1/6).
        ((0.3, 0.0, 0.0), 0.5 * (1 - math.sqrt(2 / 3))),
        ((0.0, 0.4, 0.4), 0.5 * (1 - math.sqrt(1 / 6))),
        # Black has the shares 0, which are at sqrt(1/3).
        ((0.0, 0.0, 0.0), 0.5 * (1 - math.sqrt(1 / 3))),
    ],
)
@pytest.mark.parametrize("distance", ["squared", "absolute"])
def test_colour_aware_exposure_by_hand(colour: tuple[float, ...], target: float, distance: Any) -> None:
    image = torch.tensor(colour).view(1, 3, 1, 1).expand(2, 3, 8, 8)
    options = {"target": 0.5, "region": 4, "distance": distance, "colour_aware": True}
    at_target = torch.full((2, 3, 8, 8), target)
    assert exposure_control_loss(at_target, image, **options).item() == pytest.approx(0, abs=1e-6)
    above = exposure_control_loss(at_target + 0.1, image, **options)
    assert above.item() == pytest.approx(0.01 if distance == "squared" else 0.1, rel=1e-4)


def test_local_colour_by_hand() -> None:
    image, enhanced = torch.zeros(2, 2, 3, 4, 8).unbind()
    # One of four regions goes from (1/2, 1/4, 1/4) to (1/4, 1/2, 1/4); one is only brighter, and two stay black.
    image[0, :, :, :4] = torch.tensor([0.4, 0.2, 0.2]).view(3, 1, 1)
    enhanced[0, :, :, :4] = torch.tensor([0.2, 0.4, 0.2]).view(3, 1, 1)
    image[0, :, :, 4:], enhanced[0, :, :, 4:] = 0.25, 0.75
    expected = 2 * 0.25**2 / 4
    assert local_colour_loss(image, enhanced).item() == pytest.approx(expected, rel=1e-3)
    cast = colour_constancy_loss(enhanced)
    both = colour_constancy_loss(enhanced, image, local=10.0)
    torch.testing.assert_close(both, cast + 10 * local_colour_loss(image, enhanced))
    # Black is noise of a few grey levels: 1e-4 halves the shares of a sum that is as small.
    assert local_colour_loss(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 1e-4 / 3)).item() == pytest.approx(
        1 / 12
    )


def self_dace(image: np.ndarray, enhanced: np.ndarray, maps: np.ndarray) -> dict[str, float]:
    """The weighted losses of Self-DACE's first stage by its formulas, over sums of RGB: an independent computation."""

    def pooled(pixels: np.ndarray) -> np.ndarray:
        batch, _, height, width = pixels.shape
        means: np.ndarray = pixels.reshape(batch, 3, height // 4, 4, width // 4, 4).mean(axis=(3, 5))
        return means

    def shares(means: np.ndarray, least: float) -> np.ndarray:
        share: np.ndarray = means / (means.sum(axis=1, keepdims=True) + least)
        return share

    before, after = pooled(image), pooled(enhanced)
    colour = np.sqrt(((shares(before, 1e-10) - 1 / 3) ** 2).sum(axis=1))
    exposure = ((after.sum(axis=1) - 0.8 * 3 * (1 - colour)) ** 2).mean()
    local = ((shares(before, 1e-4) - shares(after, 1e-4)) ** 2).sum(axis=1).mean()
    cast = ((shares(enhanced.mean(axis=(2, 3)), 1e-10) - 1 / 3) ** 2).sum(axis=1).mean()
    smoothness = (np.diff(maps, axis=2) ** 2).mean() + (np.diff(maps, axis=3) ** 2).mean()
    return {"spa": 0.0, "exp": 5 * exposure, "col": 20000 * local + 50 * cast, "tv": 5000 * smoothness}


@pytest.mark.parametrize("maps_of", [24, 3])
def test_self_dace_by_its_formulas(maps_of: int) -> None:
    generator = np.random.default_rng(3)
    image, enhanced = generator.random((2, 2, 3, 16, 24))
    image[1, :, :8] = 0  # a part of a picture is black
    maps = generator.uniform(-1, 1, (2, maps_of, 16, 24))
    losses = CompositeLoss(**preset("self_dace"))(*map(torch.from_numpy, (image, enhanced, maps)))
    weighted = {name: losses.weights[name] * term.item() for name, term in losses.terms.items()}
    expected = self_dace(image, enhanced, maps)
    assert weighted == pytest.approx(expected, rel=1e-9)
    assert losses.total.item() == pytest.approx(sum(expected.values()), rel=1e-9)


@pytest.mark.parametrize(
    ("gradient", "expected"),
    [
        # One map of 24 has the pixels 0 1 / 3 6: dx = 1 and 3, dy = 3 and 5.
        ("per_direction", 2 * ((1 + 9) / 2 + (9 + 25) / 2)),
        ("mean", ((1 + 9) / 2 + (9 + 25) / 2) / 24),
        ("squared", (1 + 9) / 8),
        ("absolute", (1 + 3) ** 2 / 8),
    ],
)
def test_smoothness_by_hand(gradient: Any, expected: float) -> None:
    maps = torch.zeros(1, 24, 2, 2)
    maps[0, 5] = torch.tensor([[0.0, 1.0], [3.0, 6.0]])
    assert illumination_smoothness_loss(maps, gradient=gradient).item() == pytest.approx(expected, rel=1e-6)
    doubled = illumination_smoothness_loss(maps.repeat(2, 1, 1, 1), gradient=gradient)
    assert doubled.item() == pytest.approx(expected, rel=1e-6), "a batch mean does not grow with the batch"


@pytest.mark.parametrize("shape", [(1, 24, 1, 1), (1, 24, 1, 5), (1, 24, 5, 1)])
@pytest.mark.parametrize("gradient", ["per_direction", "mean", "squared", "absolute"])
def test_smoothness_of_thin_maps_is_finite(shape: tuple[int, ...], gradient: Any) -> None:
    assert torch.isfinite(illumination_smoothness_loss(torch.rand(shape), gradient=gradient))


COLOURS = {
    "black": (0, 0, 0),
    "grey": (0.5, 0.5, 0.5),
    "white": (1, 1, 1),
    "red": (1, 0, 0),
    "dark": (1e-3, 1e-3, 2e-3),
}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("colour", COLOURS)
def test_gradients_are_finite_on_flat_pictures(name: str, colour: str) -> None:
    image = torch.tensor(COLOURS[colour], dtype=torch.float32).view(1, 3, 1, 1).repeat(2, 1, 32, 32)
    enhanced = image.clone().requires_grad_()
    maps = torch.zeros(2, 24, 32, 32, requires_grad=True)
    total = CompositeLoss(**preset(name))(image, enhanced, maps).total
    total.backward()
    assert torch.isfinite(total)
    for leaf in (enhanced, maps):
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()


@pytest.mark.parametrize("name", PRESETS)
def test_gradients_are_right(name: str) -> None:
    generator = torch.Generator().manual_seed(1)
    image, enhanced = torch.rand(2, 2, 3, 8, 8, dtype=torch.double, generator=generator).unbind()
    maps = torch.rand(2, 24, 8, 8, dtype=torch.double, generator=generator) * 2 - 1
    options = preset(name)
    options["exp"]["region"] = 4
    loss = CompositeLoss(**options)
    enhanced.requires_grad_()
    assert torch.autograd.gradcheck(lambda e: loss(image, e, maps[:, :, :3, :3]).total, (enhanced,))
    small = maps[:, :6, :4, :4].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda m: loss(image, enhanced.detach(), m).total, (small,))


def test_composite_equals_its_functions() -> None:
    image, enhanced, maps = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.rand(2, 24, 32, 32)
    losses = CompositeLoss()(image, enhanced, maps)
    expected = {
        "spa": spatial_consistency_loss(image, enhanced),
        "exp": exposure_control_loss(enhanced),
        "col": colour_constancy_loss(enhanced),
        "tv": illumination_smoothness_loss(maps),
    }
    assert losses.terms == expected
    total = expected["spa"] + 10 * expected["exp"] + 5 * expected["col"] + 200 * expected["tv"]
    torch.testing.assert_close(losses.total, total)
    torch.testing.assert_close(losses.shares["tv"], 200 * expected["tv"] / total)
    assert sum(losses.shares.values()).item() == pytest.approx(1)  # type: ignore[union-attr]


def test_shares_of_a_zero_total_are_zero() -> None:
    weights = dict.fromkeys(CompositeLoss.NAMES, 0)
    shares = CompositeLoss(weights=weights)(*[torch.rand(1, c, 16, 16) for c in (3, 3, 24)]).shares
    assert {name: share.item() for name, share in shares.items()} == dict.fromkeys(CompositeLoss.NAMES, 0.0)


def test_plusplus_differs_from_official_in_smoothness_weight_alone() -> None:
    official, plusplus = preset("official"), preset("plusplus")
    assert plusplus.pop("weights") == {**official.pop("weights"), "tv": 1600.0}
    assert plusplus == official


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"spa": 1, "exp": 1, "col": 1}}, "expected exactly"),
        ({"weights": {"spa": 1, "exp": 1, "col": 1, "tv": 1, "exposure": 1}}, "exposure"),
        ({"weights": {"spa": 1, "exp": -1, "col": 1, "tv": 1}}, r"loss\.weights\.exp is -1"),
        ({"weights": {"spa": 1, "exp": math.nan, "col": 1, "tv": 1}}, r"loss\.weights\.exp is nan"),
        ({"weights": {"spa": 1, "exp": "ten", "col": 1, "tv": 1}}, r"loss\.weights\.exp is 'ten'"),
        ({"spa": {"difference": "relative"}}, r"spa\.difference is 'relative'; expected one of signed, absolute"),
        ({"spa": {"border": "mirror"}}, r"spa\.border is 'mirror'"),
        ({"spa": {"directions": ["north"]}}, r"spa\.directions is 'north'"),
        ({"exp": {"distance": "cubed"}}, r"exp\.distance is 'cubed'"),
        ({"exp": {"region": 0}}, r"loss\.exp\.region is 0"),
        ({"exp": {"colour_aware": 1}}, r"exp\.colour_aware is 1; expected true or false"),
        ({"col": {"power": 3}}, r"col\.power is 3"),
        ({"col": {"compare": "hues"}}, r"col\.compare is 'hues'; expected one of means, shares"),
        ({"col": {"local": -1}}, r"col\.local is -1; expected a finite number of at least 0"),
        ({"tv": {"gradient": "sobel"}}, r"tv\.gradient is 'sobel'"),
    ],
)
def test_wrong_options_are_refused_when_the_loss_is_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CompositeLoss(**options)


def test_a_picture_smaller_than_a_region_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the image is 20x8 pixels, a region of the loss 16x16"):
        exposure_control_loss(torch.rand(1, 3, 8, 20))
    with pytest.raises(ValueError, match=r"the image is 1x1 pixels, a region of the loss 4x4"):
        local_colour_loss(torch.rand(1, 3, 1, 1), torch.rand(1, 3, 1, 1))
    # The regions of the other terms may be smaller than that of the colours.
    CompositeLoss(spa={"region": 1}, exp={"region": 1}, col={"local": 1.0})


def test_what_compares_with_the_input_asks_for_it() -> None:
    enhanced = torch.rand(1, 3, 16, 16)
    with pytest.raises(ValueError, match=r"loss\.exp\.colour_aware compares .* as the argument image"):
        exposure_control_loss(enhanced, colour_aware=True)
    with pytest.raises(ValueError, match=r"loss\.col\.local compares .* as the argument image"):
        colour_constancy_loss(enhanced, local=1.0)


def test_restoration_by_hand() -> None:
    enhanced, clean = torch.full((2, 3, 16, 16), 0.5), torch.full((2, 3, 16, 16), 0.25)
    clean[1] = 0.5
    assert restoration_loss(enhanced, clean).item() == pytest.approx(0.125)
    weights = {"spa": 0.0, "exp": 0.0, "col": 0.0, "tv": 0.0, "rec": 4.0}
    maps = torch.zeros(2, 24, 16, 16)
    losses = CompositeLoss(weights=weights)(enhanced, enhanced, maps, clean)
    assert losses.total.item() == pytest.approx(0.5)
    assert losses.shares["rec"].item() == pytest.approx(1)
    assert set(CompositeLoss(weights=weights)(enhanced, enhanced, maps).terms) == set(CompositeLoss.NAMES)
    assert set(CompositeLoss()(enhanced, enhanced, maps, clean).terms) == set(CompositeLoss.NAMES), "weight 0"
    with pytest.raises(ValueError, match=r"loss\.weights\.rec is -1"):
        CompositeLoss(weights={**weights, "rec": -1})
