"""How noisy a picture is."""

from __future__ import annotations

import math

from torch import Tensor


def noise(image: Tensor) -> Tensor:
    """Estimate the standard deviation of the noise.

    J. Immerkaer, "Fast noise variance estimation", CVIU 64(2), 1996: the mean absolute response to the mask
    ``[[1, -2, 1], [-2, 4, -2], [1, -2, 1]]``, the difference of two Laplacians, which is blind to edges along rows and
    columns and to gradients; on normal noise its standard deviation is 6 times that of the noise. The three channels'
    estimates are averaged.

    Fine texture counts as noise too, so compare an output with its input and not one scene with another. Estimates that
    leave texture out look at the flattest parts alone, which in dark photographs of 8 bits are rounded to one value.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        Shape B, in units of the range; NaN for a picture with a side below 3 pixels.
    """
    across = _second_difference(image)
    response = _second_difference(across.transpose(2, 3))
    return response.abs().mean(dim=(1, 2, 3)) * math.sqrt(math.pi / 2) / 6


def _second_difference(values: Tensor) -> Tensor:
    return values[..., :-2] - 2 * values[..., 1:-1] + values[..., 2:]
