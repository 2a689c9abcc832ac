"""Whether what was brighter than something else still is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from zero_dce.metrics.picture import LEVELS, histograms, to_levels

# The authors' code: about so many points along the shorter side, each the brightest of 15 x 15 pixels.
GRID = 50
RADIUS = 7


def lightness_order_error(image: Tensor, enhanced: Tensor) -> Tensor:
    """Lightness order error (LOE): in how many pairs of points the order of lightness changed.

    S. Wang, J. Zheng, H. Hu and B. Li, "Naturalness preserved enhancement algorithm for non-uniform illumination
    images", IEEE TIP 22(9), 2013, section V, as their code computes it: lightness is the largest channel, in 8 bits,
    and the largest within 15 x 15 pixels; points lie on a grid of ``floor(shorter side / 50)`` pixels. For each point
    the points are counted whose order to it (at least as light, or not) differs between the pictures; the result is the
    mean count. So it grows with the number of points: compare pictures of one shape. Halos and reversed shadows raise
    it; a curve that is the same all over the picture leaves it at nearly 0.

    Pairs are counted in the joint histogram of both lightnesses, exactly, in a time that grows with the points and not
    with the pairs.

    Args:
        image: the input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.

    Returns:
        Shape B, range 0 to the number of points; 0 where no order changed.
    """
    before, after = _lightness(image), _lightness(enhanced)
    joint = histograms(LEVELS * before + after, LEVELS**2).view(-1, LEVELS, LEVELS)
    # Points that are at most as light: in both pictures, in the input, in the enhanced one.
    both = joint.cumsum(dim=1).cumsum(dim=2)
    changed = joint * (both[:, :, -1:] + both[:, -1:, :] - 2 * both)
    return changed.sum(dim=(1, 2)) / before[0].numel()


def _lightness(image: Tensor) -> Tensor:
    """Lightness on the grid: int64, B x rows x columns, 0 to 255."""
    step = max(1, min(image.shape[-2:]) // GRID)
    largest = to_levels(image.amax(dim=1)).float()
    padded = F.pad(largest, (RADIUS,) * 4)[..., step - 1 :, step - 1 :]
    return F.max_pool2d(padded, 2 * RADIUS + 1, stride=step).to(torch.int64)
