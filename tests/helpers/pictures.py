"""Small pictures and data sets for tests."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def pixels(*values: tuple[float, float, float]) -> Tensor:
    """One row of pixels as a batch of one."""
    return torch.tensor(values).T.reshape(1, 3, 1, len(values))


def make_picture(seed: int, brightness: float, width: int = 48, height: int = 32) -> Image.Image:
    """A coloured gradient with texture, about as bright as asked for."""
    generator = np.random.default_rng(seed)
    ramp = np.linspace(0.4, 1.6, width)[None, :, None] * generator.uniform(0.6, 1.4, 3)
    noise = generator.uniform(0.8, 1.2, (height, width, 3))
    return Image.fromarray((255 * brightness * ramp * noise).clip(0, 255).astype(np.uint8))


def smooth_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft shapes with a little noise, dark to bright."""
    generator = np.random.default_rng(seed)
    small = generator.random((height // 40 + 2, width // 40 + 2, 3)) ** 2
    channels = [
        np.asarray(Image.fromarray(small[..., c].astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    return (np.stack(channels, -1) + generator.normal(0, 0.01, (height, width, 3))).clip(0, 1).astype(np.float32)


def make_sice(root: Path, scenes: int, frames: int, extension: str = "JPG") -> Path:
    """Write ``Dataset_Part1/<scene>/<n>.JPG``, darkest first, and ``pairs.csv``; returns the root.

    The reference of a scene's first half is its last frame.
    """
    rows = []
    for scene in range(1, scenes + 1):
        folder = root / "Dataset_Part1" / str(scene)
        folder.mkdir(parents=True)
        for frame in range(1, frames + 1):
            make_picture(scene, 0.1 + 0.4 * (frame - 1) / max(1, frames - 1)).save(
                folder / f"{frame}.{extension}", format="JPEG", quality=95
            )
        names = [f"Dataset_Part1/{scene}/{frame}.{extension}" for frame in range(1, frames + 1)]
        rows += [(name, names[-1], scene) for name in names[: frames // 2]]
    with (root / "pairs.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("low", "reference", "scene"), *rows])
    return root
