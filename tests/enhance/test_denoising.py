"""Smoothing a picture tile by tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.networks import make_weights
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast.mode import FastMode
from zero_dce.enhance.graph import BACKENDS
from zero_dce.images.canvas import ArrayCanvas
from zero_dce.images.denoise import NOISE_LEVELS, denoise_whole

WEIGHTS = make_weights()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_the_noise_of_8_bits_is_smoothed(backend: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both modes alike, where pictures are exposed or noise is given, and nowhere else."""
    monkeypatch.setattr(FastMode, "suits", lambda canvas: True)
    dark = ArrayCanvas(np.random.default_rng(0).integers(0, 40, (130, 120, 3), np.uint8))

    def enhanced(**options: Any) -> np.ndarray:
        tool = Enhancer(WEIGHTS, mode=mode, backend=backend, precision="float32", tile=50, **options)
        return tool.enhance(dark).pixels

    before = torch.from_numpy(dark.pixels).permute(2, 0, 1)[None] / 255
    for options, levels in (({"exposure": 0.4}, NOISE_LEVELS), ({"exposure": 0.6, "denoise": 3.0}, 3.0)):
        noisy = enhanced(**{**options, "denoise": 0})
        smooth = denoise_whole(before, torch.from_numpy(noisy).permute(2, 0, 1)[None] / 255, levels)
        found = enhanced(**options)
        assert np.abs(found - smooth[0].permute(1, 2, 0).numpy() * 255).max() <= 0.51
        assert np.abs(found.astype(float) - noisy).mean() > 1
    assert np.array_equal(enhanced(exposure="off"), enhanced(exposure="off", denoise=0))
