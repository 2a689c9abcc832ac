"""The exposure that brings a picture to a brightness, in PyTorch and in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.exposures import means_of, pictures
from zero_dce.exposure import search
from zero_dce.exposure.response import WHITEST, expose
from zero_dce.exposure.search import GRID, MOST_EV, ev_to_reach, expose_to_mean
from zero_dce.exposure.setting import MOST_NEWLY_CLIPPED


@pytest.mark.parametrize("as_array", [torch.as_tensor, np.asarray])
def test_the_mean_is_the_target(as_array: Any) -> None:
    """Of each picture for itself: darkened as well as brightened."""
    image = as_array(pictures(0.02, 0.2, 0.7))
    for target in (0.3, 0.44, 0.6):
        exposed = expose(image, ev_to_reach(image, target))
        assert type(exposed) is type(image)
        assert exposed.dtype == image.dtype
        assert means_of(exposed) == pytest.approx([target] * 3, abs=2e-4)


def test_a_picture_that_is_there_already_stays() -> None:
    image = pictures(0.3, 0.6)
    assert ev_to_reach(image, image.mean((1, 2, 3), keepdim=True)).abs().max() <= 5e-4
    assert torch.allclose(expose(image, 0.0), image, atol=1e-6)


def test_a_black_picture_stays_black() -> None:
    image = torch.zeros(1, 3, 8, 8)
    ev = ev_to_reach(image, 0.44)
    assert ev.item() == pytest.approx(MOST_EV, abs=1e-3)
    assert expose(image, ev).max() < 0.5 / 255


def test_a_large_picture_is_measured_on_a_grid() -> None:
    image = pictures(0.1, side=4 * GRID + 3)
    assert means_of(expose(image, ev_to_reach(image, 0.44))) == pytest.approx([0.44], abs=0.005)


def test_what_the_enhancement_clips_counts_as_newly_clipped() -> None:
    image = pictures(0.2)
    enhanced = (image * 5).clamp(0, 1)
    assert (enhanced > WHITEST).float().mean() > 0.05
    ev = ev_to_reach(enhanced, 0.97, image, MOST_NEWLY_CLIPPED)
    assert (expose(enhanced, ev) > WHITEST).float().mean() <= MOST_NEWLY_CLIPPED
    assert ev < ev_to_reach(enhanced, 0.97, enhanced, MOST_NEWLY_CLIPPED)


def test_the_gradient_knows_that_the_exposure_follows_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exposing all of a picture anew changes nothing, so no loss has a gradient along it; one value has its own."""
    # As exact as the numeric derivative that it is compared with.
    monkeypatch.setattr(search, "BISECTIONS", 50)
    monkeypatch.setattr(search, "NUDGE", 1e-5)
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
