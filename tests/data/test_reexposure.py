"""Frames as a camera would have taken them with another exposure."""

from __future__ import annotations

import pytest
import torch

from zero_dce.data import reexposure
from zero_dce.data.reexposure import expose_again

PICTURES = torch.randint(0, 256, (4, 12, 10, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_a_new_exposure_is_a_function_of_its_seed() -> None:
    seeds = [(0, 0, number, 1) for number in range(4)]
    exposed = expose_again(PICTURES, seeds)
    assert exposed.dtype == torch.uint8
    assert torch.equal(exposed, expose_again(PICTURES, seeds))
    assert torch.equal(exposed[2], expose_again(PICTURES[2:3], seeds[2:3])[0]), "whatever else is in the batch"
    assert not torch.equal(exposed, expose_again(PICTURES, [(1, *seed[1:]) for seed in seeds]))


@pytest.mark.parametrize(
    ("ev", "value", "expected"),
    [
        (-2.2, 128, 75),  # half the exposure: 1 - sqrt(1 - 128/255) = 0.2943
        (2.2, 128, 191),  # twice: 1 - (1 - 128/255)^2 = 0.7520 of 255, rounded down
        (-2.2, 0, 0),
        (-2.2, 255, 239),  # 1 - sqrt(0.004) = 0.9368
        (0.0, 200, 200),
    ],
)
def test_a_response_with_a_shoulder(ev: float, value: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("LEAST_EV", ev), ("MOST_EV", ev), ("MOST_SHOT", 0), ("MOST_READ", 0)):
        monkeypatch.setattr(reexposure, name, number)
    grey = torch.full((1, 2, 2, 3), value, dtype=torch.uint8)
    assert (expose_again(grey, [(0,)]).int() - expected).abs().max() <= 1


def test_noise_grows_with_light(monkeypatch: pytest.MonkeyPatch) -> None:
    """In linear light: its variance is the shot noise's part of the light."""
    for name in ("LEAST_EV", "MOST_EV"):
        monkeypatch.setattr(reexposure, name, 0.0)
    monkeypatch.setattr(reexposure, "MOST_READ", 0.0)
    grey = torch.full((1, 200, 200, 3), 128, dtype=torch.uint8)
    light = (expose_again(grey, [(0,)]).double() / 255) ** 2.2
    shot = light.var().item() / light.mean().item()
    assert light.mean().item() == pytest.approx((128 / 255) ** 2.2, rel=0.02)
    assert 0.0001 < shot < 0.0042


def test_exposures_reach_both_ends() -> None:
    grey = torch.full((200, 4, 4, 3), 128, dtype=torch.uint8)
    means = expose_again(grey, [(number,) for number in range(200)]).float().mean((1, 2, 3)) / 255
    assert means.min() < 0.2
    assert means.max() > 0.6
