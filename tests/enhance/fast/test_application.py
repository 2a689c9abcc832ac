from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.networks import make_weights
from tests.helpers.pictures import smooth_picture
from zero_dce.enhance.fast.application import application_program
from zero_dce.enhance.graph import BACKENDS, choose_backend
from zero_dce.exposure.response import expose


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("network", ["zero_dce", "zero_dce_pp"])
def test_application_by_hand(backend: str, network: str) -> None:
    """With a regression of nothing but a bias, every pixel gets that curve; with one of means, maps are enlarged."""
    maps = 24 if network == "zero_dce" else 3
    image = smooth_picture(20, 28)
    statistics = np.zeros((5 + 4, 7 + 4, 9), np.float32)
    statistics[..., 0] = np.linspace(0, 0.5, 11)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in {"hidden": (256, 18), "output": (maps, 256)}.items()}
    direct = np.zeros((maps, 18), np.float32)
    direct[:, 0] = -1
    limits = np.full((18, 1), 9, np.float32)
    matrices = [-limits, limits, zeros["hidden"], np.zeros((256, 1), np.float32), zeros["output"], direct]
    bias = np.full((maps, 1), -0.1, np.float32)
    tool = choose_backend(backend, make_weights(network), "float32")
    program = application_program(network, 0.5, True, 4, 5, 7, with_map=True)
    local = np.stack([np.full((20, 28), 0.4), np.linspace(-1, 1, 28) * np.ones((20, 1))], axis=2).astype(np.float32)
    enhanced, mean_map = tool.run(program, image, statistics, local, *matrices, bias)
    columns = np.interp((np.arange(28) + 0.5) / 4 - 0.5, np.arange(-2, 9), np.linspace(0, 0.5, 11))
    expected_map = np.broadcast_to((-0.1 - columns[:, None]) / 2, (20, 28, 3))
    assert np.abs(mean_map - expected_map).max() <= 1e-6
    expected = image
    for _ in range(8):
        expected = expected + expected_map * (expected * expected - expected)
    stops = 0.4 * np.sqrt(expected).mean(2) + local[..., 1]
    expected = np.moveaxis(expose(np.moveaxis(expected, 2, 0)[None], stops[None, None])[0], 0, 2)
    assert np.abs(enhanced - expected).max() <= 5e-6
