"""Frames as a camera would have taken them with another exposure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from zero_dce.data import reexposure
from zero_dce.data.reexposure import expose_again
from zero_dce.exposure.response import expose

PICTURES = torch.randint(0, 256, (4, 12, 10, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that fixes the exposure, and the powers of ten of shot and read noise."""

    def fix(ev: float, shot: float = -20.0, read: float = -20.0) -> None:
        monkeypatch.setattr(reexposure, "EVS", (ev, ev))
        monkeypatch.setattr(reexposure, "SHOT", (shot, shot))
        monkeypatch.setattr(reexposure, "READ", (read, read))

    return fix


def test_a_new_exposure_is_a_function_of_its_seed() -> None:
    seeds = [(0, 0, number, 1) for number in range(4)]
    exposed = expose_again(PICTURES, seeds)
    assert exposed.dtype == torch.uint8
    assert torch.equal(exposed, expose_again(PICTURES, seeds))
    assert torch.equal(exposed[2], expose_again(PICTURES[2:3], seeds[2:3])[0]), "whatever else is in the batch"
    assert not torch.equal(exposed, expose_again(PICTURES, [(1, *seed[1:]) for seed in seeds]))


@pytest.mark.parametrize("ev", [-4.0, -1.0, 0.0, 1.0, 2.0])
def test_without_noise_it_is_exposing(ev: float, at: Callable[..., None]) -> None:
    at(ev)
    expected = (expose(PICTURES.float() / 255, ev) * 255).round()
    assert (expose_again(PICTURES, [(number,) for number in range(4)]) - expected).abs().max() <= 1
    if not ev:
        assert torch.equal(expose_again(PICTURES, [(number,) for number in range(4)]), PICTURES)


@pytest.mark.parametrize(("shot", "read"), [(-3.0, -20.0), (-20.0, -2.0)])
def test_the_variance_of_noise_in_light(shot: float, read: float, at: Callable[..., None]) -> None:
    at(0.0, shot, read)
    grey = torch.full((1, 200, 200, 3), 128, dtype=torch.uint8)
    light = (expose_again(grey, [(0,)]).double() / 255) ** 2.2
    mean = light.mean().item()
    assert light.var().item() == pytest.approx(10**shot * mean + 100**read, rel=0.1)


def test_exposures_and_noise_reach_both_ends() -> None:
    grey = torch.full((200, 8, 8, 3), 128, dtype=torch.uint8)
    exposed = expose_again(grey, [(number,) for number in range(200)]).float() / 255
    means, noise = exposed.mean((1, 2, 3)), exposed.std((1, 2, 3))
    assert means.min() < 0.06
    assert means.max() > 0.9
    assert noise.min() < 0.002
    assert noise.max() > 0.015
