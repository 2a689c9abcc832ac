from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.helpers.pictures import make_picture
from zero_dce.networks import DCENet


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(DCENet().state_dict(), tmp_path / "a.pth")
    return tmp_path / "a.pth"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three dark pictures of different shapes and their references, of other formats."""
    low, high = tmp_path / "low", tmp_path / "high"
    low.mkdir()
    high.mkdir()
    for number, size in enumerate(((60, 48), (40, 52), (64, 64))):
        make_picture(number, 0.12, *size).save(low / f"{number}.png")
        make_picture(number, 0.45, *size).save(high / f"{number}.bmp")
    return low, high
