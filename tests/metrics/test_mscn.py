from __future__ import annotations

import pytest
import torch

from zero_dce.metrics.mscn import mscn


def test_one_bright_pixel() -> None:
    """By hand: w is the Gaussian's weight in its middle, so that the mean is 200 w, and the mean square 200^2 w."""
    grey = torch.zeros(1, 15, 15, dtype=torch.float64)
    grey[0, 7, 7] = 200
    row = torch.exp(-torch.arange(-3, 4, dtype=torch.float64).square() * 18 / 49)
    weight = (row[3] / row.sum()).square().item()
    expected = (200 - 200 * weight) / (200 * (weight - weight**2) ** 0.5 + 1)
    assert mscn(grey)[0, 7, 7].item() == pytest.approx(expected)


def test_flat_is_nought_up_to_its_edges() -> None:
    torch.testing.assert_close(mscn(torch.full((2, 9, 12), 80.0, dtype=torch.float64)).abs().max().item(), 0.0)
