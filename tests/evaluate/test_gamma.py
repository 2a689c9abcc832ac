from __future__ import annotations

import numpy as np
import pytest
import torch

from zero_dce.evaluate.gamma import GAMMAS, BestGamma, gamma_to_mean
from zero_dce.images.sheets import to_image
from zero_dce.metrics.reference import psnr


def test_equals_trying_every_gamma() -> None:
    generator = np.random.default_rng(0)
    search, pairs = BestGamma(), []
    for strength, size in ((0.4, (20, 30, 3)), (0.55, (11, 7, 3)), (0.9, (16, 16, 3))):
        pixels = generator.integers(0, 256, size, dtype=np.uint8)
        noisy = 255 * (pixels / 255) ** strength + generator.normal(0, 8, size)
        reference = noisy.clip(0, 255).round().astype(np.uint8)
        search.add(pixels, reference)
        pairs.append((to_image(pixels)[None].double(), to_image(reference)[None].double()))
    tried = [torch.cat([psnr(image**gamma, wanted) for image, wanted in pairs]).mean().item() for gamma in GAMMAS]
    gamma, mean = search.find()
    assert gamma == GAMMAS[int(np.argmax(tried))]
    assert mean == pytest.approx(max(tried), abs=1e-5)
    assert 0.4 < gamma < 0.9


def test_finds_the_gamma_that_was_used() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    search = BestGamma()
    search.add(pixels, (255 * (pixels / 255) ** 0.37).round().astype(np.uint8))
    assert search.find()[0] == 0.37


def test_without_pictures() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        BestGamma().find()


def test_a_gamma_that_brings_each_picture_to_a_mean() -> None:
    image = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.02, 0.3, 1]).view(
        3, 1, 1, 1
    )
    assert gamma_to_mean(image, 0.44).mean((1, 2, 3)).tolist() == pytest.approx([0.44] * 3, abs=1e-4)
    black = torch.zeros(1, 3, 8, 8)
    assert torch.equal(gamma_to_mean(black, 0.44), black)
