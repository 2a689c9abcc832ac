"""Dark places are exposed longer, along the picture's own edges, in PyTorch and in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.exposures import pictures
from zero_dce.exposure.dodging import (
    DARKEST,
    DODGED_CELLS,
    MOST_DODGED,
    dodge_to_reach,
    enlarge,
    expose_locally,
    local_stops,
    shrink,
)
from zero_dce.exposure.response import expose


def two_halves(side: int = 96, dark: float = 0.04, bright: float = 0.7) -> torch.Tensor:
    image = pictures(bright, side=side, spread=0.2)
    image[..., side // 2 :, :] *= dark / bright
    return image


def pair(ev: float, dodge: float) -> torch.Tensor:
    return torch.tensor([ev, dodge]).view(1, 2, 1, 1)


def dodged(image: Any, stops: Any) -> Any:
    height, width = image.shape[2:]
    return expose_locally(image, enlarge(local_stops(image, stops), (0, 0, width, height), (width, height)))


def test_without_dodging_it_is_the_exposure() -> None:
    image = two_halves()
    assert torch.allclose(dodged(image, pair(0.7, 0)), expose(image, 0.7), atol=1e-6)


def test_the_dark_half_gets_more_and_the_bright_one_keeps_what_it_has() -> None:
    image = two_halves()
    result, exposed = dodged(image, pair(0.3, 1.0)), expose(image, 0.3)
    gained = (result - exposed).mean((0, 1, 3))
    assert gained[:40].abs().max() < 0.02
    expected = expose(exposed, (1 - exposed[..., 60:, :].mean()) ** 2)[..., 60:, :].mean().item()
    assert result[..., 60:, :].mean() == pytest.approx(expected, abs=0.004)


def test_an_edge_has_no_halo() -> None:
    """What lies next to the edge differs little from what lies far from it, on either side."""
    image = two_halves()
    gain = dodged(image, pair(0.0, 1.0)).mean((0, 1, 3)) / image.mean((0, 1, 3))
    assert gain[50].item() == pytest.approx(gain[90].item(), rel=0.1)
    assert gain[46].item() == pytest.approx(gain[5].item(), rel=0.05)


def test_detail_keeps_its_contrast() -> None:
    """Places are exposed as their surroundings are, so that texture is brightened as one exposure would."""
    image = two_halves()
    ground = image[..., 60:, :]
    result = dodged(image, pair(0.0, 1.2))[..., 60:, :]
    alike = expose(ground, 1.2 * (1 - ground.mean()) ** 2)
    assert result.std() == pytest.approx(alike.std().item(), rel=0.1)


@pytest.mark.parametrize("as_array", [torch.as_tensor, np.asarray])
def test_found_in_both_libraries(as_array: Any) -> None:
    image, ev = two_halves(), torch.zeros(1, 1, 1, 1)
    rise, shadows = torch.full((1, 1, 1, 1), 0.02), torch.full((1, 1, 1, 1), 0.09)
    dodge = dodge_to_reach(*(as_array(value) for value in (shrink(image), ev, rise, shadows)))
    assert dodge.dtype == as_array(image).dtype
    assert 0 < dodge.item() < MOST_DODGED
    result = torch.as_tensor(dodged(as_array(image), as_array(pair(0.0, dodge.item()))))
    darkest = shrink(result).mean(1).flatten().sort().values
    assert darkest[: int(DARKEST * len(darkest))].mean() == pytest.approx(0.09, abs=0.003)
    assert result.mean() - image.mean() >= 0.019


def test_pictures_are_dodged_each_by_itself() -> None:
    both, zero = torch.cat([two_halves(), two_halves(dark=0.2)]), torch.zeros(2, 1, 1, 1)
    found = dodge_to_reach(shrink(both), zero, zero, zero + 0.1)
    alone = [dodge_to_reach(shrink(image[None]), zero[:1], zero[:1], zero[:1] + 0.1).item() for image in both]
    assert found.flatten().tolist() == pytest.approx(alone, abs=1e-3)
    assert found[1] == 0, "where there is nothing to do, nothing is done"


def test_a_black_picture_stays_black() -> None:
    image, zero = torch.zeros(1, 3, 20, 30), torch.zeros(1, 1, 1, 1)
    assert dodge_to_reach(shrink(image), zero, zero, zero + 0.1).item() == MOST_DODGED
    assert dodged(image, pair(3.0, MOST_DODGED)).max() < 0.5 / 255


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 200), (200, 3), (64, 64), (65, 100)])
def test_cells_of_pictures_of_any_shape(height: int, width: int) -> None:
    image = pictures(0.1, side=200)[..., :height, :width]
    small = shrink(image)
    assert max(small.shape[2:]) == min(DODGED_CELLS, max(height, width))
    assert small.mean() == pytest.approx(image.mean().item(), rel=1e-5), "cells are of one size, and share pixels"
    result = dodged(image, pair(1.0, 1.0))
    assert result.shape == image.shape
    assert result.isfinite().all()


def test_boxes_are_cut_from_the_whole() -> None:
    local = local_stops(two_halves(200), pair(0.5, 1.0))
    size = (200, 200)
    whole = enlarge(local, (0, 0, 200, 200), size)
    for left, top, right, bottom in ((0, 0, 1, 1), (30, 77, 90, 200), (199, 0, 200, 3)):
        box = enlarge(local, (left, top, right, bottom), size)
        assert torch.allclose(box, whole[..., top:bottom, left:right], atol=1e-6)
    beyond = enlarge(local, (-4, -2, 210, 201), size)
    assert torch.allclose(beyond[..., 2:202, 4:204], whole, atol=1e-6)
    assert torch.equal(beyond[..., 0], beyond[..., 4]), "the edge goes on outside"


def test_no_gradient_flows_through_what_is_found() -> None:
    image = two_halves().requires_grad_()
    assert not local_stops(image, pair(0.5, 1.0)).requires_grad
