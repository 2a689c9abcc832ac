"""What natural scene statistics are taken of: luminance, normalised by its local mean and deviation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

MSCN_WINDOW, MSCN_SIGMA = 7, 7 / 6


def mscn(grey: Tensor) -> Tensor:
    """Return mean-subtracted, contrast-normalised coefficients.

    A. Mittal, A. K. Moorthy and A. C. Bovik, "No-reference image quality assessment in the spatial domain", IEEE TIP
    21(12), 2012, equations 1 to 3: ``(I - m) / (d + 1)``, where m and d are the mean and the deviation under a Gaussian
    of 7 x 7 pixels. Beyond its edge the picture goes on as its outermost pixels.

    Args:
        grey: expected shape B x H x W, range [0, 255].

    Returns:
        Same shape; 0 where the picture is flat.
    """
    mean = _blur(grey)
    deviation = (_blur(grey.square()) - mean.square()).abs().sqrt()
    return (grey - mean) / (deviation + 1)


def _blur(grey: Tensor) -> Tensor:
    distance = torch.arange(MSCN_WINDOW, dtype=grey.dtype, device=grey.device) - MSCN_WINDOW // 2
    weights = torch.exp(-distance.square() / (2 * MSCN_SIGMA**2))
    weights = weights / weights.sum()
    padded = F.pad(grey[:, None], (MSCN_WINDOW // 2,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))[:, 0]
