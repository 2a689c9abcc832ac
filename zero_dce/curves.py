"""The light-enhancement curve: the method's one equation, as a pure function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    # Only the types need it: importing the number of iterations must not take as long as importing PyTorch.
    from torch import Tensor

    Values = TypeVar("Values", Tensor, np.ndarray)

ITERATIONS = 8


def apply_curves(image: Values, curve_maps: Values, iterations: int = ITERATIONS) -> Values:
    """Brighten or darken ``image`` by iterating a quadratic curve, one map per iteration.

    Each iteration computes ``x <- x + r (x^2 - x)``. This is equation 2 of the Zero-DCE paper
    (arXiv 2001.06826, section 3.1), ``LE_n = LE_{n-1} + A_n LE_{n-1} (1 - LE_{n-1})``, in the sign
    convention of the released code: ``r = -A``. A negative map value brightens, a positive one darkens,
    0 and 1 are fixed points, and for ``|r| <= 1`` the result stays in [0, 1].

    Args:
        image: expected shape B x 3 x H x W, range [0, 1]; a tensor of PyTorch or an array of NumPy, as the maps.
        curve_maps: expected shape B x 3n x H x W, range [-1, 1], where n is ``iterations`` (one map of
            three channels per iteration) or 1 (one map for all iterations, as in Zero-DCE++).
        iterations: number of times that the curve is applied.

    Returns:
        The enhanced image, shape B x 3 x H x W, range [0, 1].

    Raises:
        ValueError: if the number of map channels fits neither.

    Examples:
        >>> import torch
        >>> dark = torch.full((1, 3, 1, 1), 0.1)
        >>> round(apply_curves(dark, torch.full((1, 24, 1, 1), -0.5))[0, 0, 0, 0].item(), 4)
        0.6848
    """
    channels = image.shape[1]
    if curve_maps.shape[1] not in (channels, channels * iterations):
        raise ValueError(
            f"curve_maps has {curve_maps.shape[1]} channels; {iterations} iterations on an image of {channels} "
            f"channels need {channels * iterations} (one map an iteration) or {channels} (one map for all)"
        )
    shared = curve_maps.shape[1] == channels
    maps = (curve_maps,) * iterations if shared else _split(curve_maps, iterations)
    for curve_map in maps:
        image = image + curve_map * (image * image - image)
    return image


def _split(curve_maps: Values, iterations: int) -> Sequence[Values]:
    if isinstance(curve_maps, np.ndarray):
        return np.split(curve_maps, iterations, axis=1)
    return curve_maps.chunk(iterations, dim=1)
