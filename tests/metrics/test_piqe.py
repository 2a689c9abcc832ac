from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from zero_dce.metrics.piqe import piqe


def scene(kind: str, height: int, width: int) -> Tensor:
    """A grey picture of waves, made of whole numbers so that it is the same everywhere."""
    y, x = np.mgrid[0:height, 0:width]
    levels = (x * x * 3 + y * y * 5 + x * y * 7) // 64 % 200 + 30
    if kind == "noisy":
        levels = levels + (x * 7919 + y * 104729 + x * y * 613) % 41 - 20
    if kind == "blocky":
        levels = levels[y // 8 * 8, x // 8 * 8]
    if kind == "dark":
        levels = levels // 4
    return torch.from_numpy(levels.clip(0, 255) / 255).float().expand(1, 3, height, width)


# By pypiqe 1.2 (with opencv-python-headless 5.0.0.93), an independent program after the published code.
@pytest.mark.parametrize(
    ("kind", "height", "width", "expected"),
    [
        ("plain", 64, 96, 85.890574),
        ("noisy", 64, 96, 31.036327),
        ("blocky", 64, 96, 79.987604),
        ("dark", 64, 96, 85.680138),
        ("noisy", 71, 90, 31.880623),
    ],
)
def test_equals_an_independent_program(kind: str, height: int, width: int, expected: float) -> None:
    assert piqe(scene(kind, height, width)).item() == pytest.approx(expected, abs=1e-3)


def test_without_structure_and_too_small() -> None:
    assert piqe(torch.full((2, 3, 32, 32), 0.4)).tolist() == [100, 100]
    assert piqe(torch.zeros(1, 3, 16, 16)).tolist() == [100]
    assert piqe(torch.rand(1, 3, 15, 40)).isnan().tolist() == [True]


def test_a_batch_is_scored_picture_by_picture() -> None:
    batch = torch.cat([scene(kind, 64, 96) for kind in ("plain", "noisy", "blocky", "dark")])
    torch.testing.assert_close(piqe(batch), torch.cat([piqe(picture[None]) for picture in batch]))
