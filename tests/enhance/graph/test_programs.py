"""Each operation by hand, and the networks against the modules that are trained, in every backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.networks import make_weights
from zero_dce.curves import apply_curves
from zero_dce.enhance.graph import BACKENDS, choose_backend
from zero_dce.enhance.graph.programs import Operations, Program, enhancement, estimation, groups_of
from zero_dce.exposure.dodging import expose_locally
from zero_dce.networks import make_network

WEIGHTS = {name: make_weights(name) for name in ("zero_dce", "zero_dce_pp")}
IMAGE = np.random.default_rng(0).random((6, 8, 3), np.float32)
FACTOR = np.random.default_rng(1).random((1, 1, 8, 8), np.float32)


def build_all(o: Operations, inputs: Sequence[Any]) -> list[Any]:
    image, factor = inputs
    inner = o.crop(image, 1, 2, 1, 0)
    calculated = ((image - image * image) @ factor).abs().sqrt() + image * 0.25
    red, green, blue = o.split(image, 3)
    return [
        inner,
        o.average(image, 2, 2),
        calculated.clip(0.2, 0.9),
        o.concatenate(o.mean([red, green, blue]), o.tanh(red * 1.0)),
        1 - image ** o.constant(np.full((1, 1, 1, 1), 1.5)) - image**0.5 * 2.0**image,
        o.curve(image, o.constant(np.full((1, 1, 1, 1), -0.5))),
        (image + image * -2.0).relu().reshape(1, 1, 8, 18),
    ]


@pytest.mark.parametrize("name", BACKENDS)
def test_operations_by_hand(name: str) -> None:
    backend = choose_backend(name, WEIGHTS["zero_dce"], "float32")
    found = backend.run(Program("all", build_all, picture_out=False), IMAGE, FACTOR)
    planes = IMAGE.transpose(2, 0, 1)
    root = np.sqrt(np.abs((planes - planes**2) @ FACTOR[0]))
    expected = [
        IMAGE[1:-1, 2:],
        IMAGE.reshape(3, 2, 4, 2, 3).mean((1, 3)),
        (root + planes / 4).clip(0.2, 0.9).transpose(1, 2, 0),
        np.stack((IMAGE.mean(2), np.tanh(IMAGE[..., 0])), axis=2),
        1 - IMAGE**1.5 - IMAGE**0.5 * 2**IMAGE,
        IMAGE - (IMAGE**2 - IMAGE) / 2,
        np.zeros((8, 18, 1)),
    ]
    assert [output.shape for output in found] == [output.shape for output in expected]
    for output, by_hand in zip(found, expected, strict=True):
        assert np.abs(output - by_hand).max() <= 1e-6


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("network", WEIGHTS)
def test_networks_are_the_modules(name: str, network: str) -> None:
    backend = choose_backend(name, WEIGHTS[network], "float32")
    with torch.no_grad():
        outputs = make_network(WEIGHTS[network])(torch.from_numpy(IMAGE).permute(2, 0, 1)[None])
    enhanced, maps = (output[0].permute(1, 2, 0).numpy() for output in outputs)
    found, mean = backend.run(enhancement(1.0, with_map=True), IMAGE)
    assert np.abs(found - enhanced).max() <= 1e-6
    assert np.abs(mean - maps.reshape(6, 8, -1, 3).mean(2)).max() <= 1e-6
    (estimated,) = backend.run(estimation(), IMAGE)
    assert np.abs(estimated - maps).max() <= 1e-6
    local = np.random.default_rng(4).uniform(-1, 1, (*IMAGE.shape[:2], 2)).astype(np.float32)
    exposed, half = backend.run(enhancement(0.5, with_map=True), IMAGE, local)
    planes, half_maps, places = (values.transpose(2, 0, 1)[None] for values in (IMAGE, maps / 2, local))
    expected = expose_locally(apply_curves(planes, half_maps), places)[0].transpose(1, 2, 0)
    assert np.abs(exposed - expected).max() <= 2e-6
    assert np.abs(half - (maps / 2).reshape(6, 8, -1, 3).mean(2)).max() <= 1e-6


def test_groups() -> None:
    groups = {name: groups_of(value) for name, value in WEIGHTS["zero_dce_pp"].state.items() if value.ndim == 4}
    assert groups["e_conv1.depth_conv.weight"] == 3
    assert groups["e_conv7.depth_conv.weight"] == 64
    assert groups["e_conv1.point_conv.weight"] == groups_of(WEIGHTS["zero_dce"].state["e_conv1.weight"]) == 1
