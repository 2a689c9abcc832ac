"""NIQE: how far a picture's statistics are from those of undistorted photographs, without reference."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from zero_dce.metrics.mscn import mscn
from zero_dce.metrics.picture import luminance, to_levels

# The model of undistorted photographs that the authors fitted; niqe.md beside it says where it comes from.
NIQE_MODEL = Path(__file__).with_name("niqe.safetensors")
NIQE_BLOCK = 96
# A neighbour's products are taken with the pixel to the left, above, and on both diagonals, around the block's edge.
PRODUCT_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
# The shapes that a distribution's is chosen among.
SHAPES = torch.arange(200, 10_001, dtype=torch.float64) / 1000
ROUND_OFF = 1e-6
# The weights of eight pixels in a row for the one that replaces the middle two: MATLAB's bicubic kernel, stretched.
HALVING = torch.tensor([-3, -9, 29, 111, 111, 29, -9, -3], dtype=torch.float64) / 256


def niqe(image: Tensor) -> Tensor:
    """Natural image quality evaluator (NIQE), with the authors' model: lower is better.

    A. Mittal, R. Soundararajan and A. C. Bovik, "Making a 'completely blind' image quality analyzer", IEEE Signal
    Processing Letters 20(3), 2013, as the authors' code computes it: the grey picture in whole levels is cut to whole
    blocks of 96 x 96 pixels; 18 parameters of distributions describe each block at full and 18 at half size; the result
    is the distance (equation 10) of their mean and covariance over the picture from those over 125 undistorted
    photographs.

    Values depend on the model and on how grey is made, so compare them only with those of the authors' code, or of a
    program that follows it; MATLAB's own ``niqe`` has another model.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1]; computed in float64.

    Returns:
        Shape B, at least 0, about 2 to 5 for photographs; NaN for a picture with fewer than two blocks that have
        structure.
    """
    return torch.stack([_distance(block_features(picture[None])) for picture in image]).to(image.dtype)


def block_features(image: Tensor) -> Tensor:
    """Return the 36 features of each block of one picture.

    Args:
        image: expected shape 1 x 3 x H x W, range [0, 1].

    Returns:
        float64, shape blocks x 36: a block without structure has NaN among its features.
    """
    rows, columns = (side // NIQE_BLOCK * NIQE_BLOCK for side in image.shape[-2:])
    if not rows or not columns:
        return image.new_empty(0, 36, dtype=torch.float64)
    grey = to_levels(luminance(image[..., :rows, :columns])).double()
    return torch.cat([_of_scale(grey, NIQE_BLOCK), _of_scale(_halve(grey), NIQE_BLOCK // 2)], dim=1)


def _distance(features: Tensor) -> Tensor:
    """Return equation 10's distance; as in the authors' code, the covariance is that of the blocks without NaN."""
    whole = features[~features.isnan().any(dim=1)]
    if len(whole) < 2:
        return features.new_tensor(torch.nan)
    mean, covariance = (values.to(features.device) for values in _model())
    difference = features.nanmean(dim=0) - mean
    inverse = torch.linalg.pinv((whole.T.cov() + covariance) / 2)
    distance: Tensor = (difference @ inverse @ difference).sqrt()
    return distance


@cache
def _model() -> tuple[Tensor, Tensor]:
    """Return the mean, shape 36, and the covariance, 36 x 36, of undistorted photographs' features, in float64."""
    values = load_file(NIQE_MODEL)
    return values["mean"], values["covariance"]


def _of_scale(grey: Tensor, side: int) -> Tensor:
    """Return 18 features of each block: two of the coefficients, and four of their products with each neighbour."""
    coefficients = mscn(grey)[0]
    # A flat pixel is on neither side of the distribution; of its round-off, the sign would depend on the processor.
    coefficients = torch.where(coefficients.abs() < ROUND_OFF, 0.0, coefficients)
    blocks = coefficients.unfold(0, side, side).unfold(1, side, side).flatten(0, 1)
    shape, left, right = _fit(blocks)
    features = [shape, (left + right) / 2]
    for shift in PRODUCT_SHIFTS:
        shape, left, right = _fit(blocks * blocks.roll(shift, dims=(1, 2)))
        mean = (right - left) * torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))
        features += [shape, mean, left, right]
    return torch.stack(features, dim=1)


def _fit(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fit an asymmetric generalised Gaussian to each block by its moments: its shape, left and right scale.

    N.-E. Lasmar, Y. Stitou and Y. Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009.
    """
    values = blocks.flatten(1)
    left, right = (_root_mean_square(values, side) for side in (values < 0, values > 0))
    skew = left / right
    ratio = values.abs().mean(dim=1).square() / values.square().mean(dim=1)
    ratio = ratio * (skew**3 + 1) * (skew + 1) / (skew.square() + 1).square()
    shape = _nearest_shape(ratio)
    scale = torch.exp((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2)
    # Where one side has no values, nothing is fitted.
    missing = ratio.isnan()
    return shape.masked_fill(missing, torch.nan), left * scale, right * scale


def _root_mean_square(values: Tensor, chosen: Tensor) -> Tensor:
    return ((values.square() * chosen).sum(dim=1) / chosen.sum(dim=1)).sqrt()


def _nearest_shape(ratio: Tensor) -> Tensor:
    """Return the shape whose ratio of moments, which grows with it, is nearest."""
    shapes = SHAPES.to(ratio.device)
    ratios = torch.exp(2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes))
    above = torch.searchsorted(ratios, ratio).clamp(1, len(shapes) - 1)
    nearer_below = (ratio - ratios[above - 1]) <= (ratios[above] - ratio)
    return shapes[above - nearer_below.long()]


def _halve(grey: Tensor) -> Tensor:
    """Shrink B x H x W to half its sides, as MATLAB's ``imresize`` does: beyond its edge the picture is mirrored."""
    for dimension in (1, 2):
        side = grey.shape[dimension]
        places = torch.arange(-3, side + 3, device=grey.device)
        mirrored = torch.where(places < 0, -1 - places, torch.where(places < side, places, 2 * side - 1 - places))
        rows = grey.index_select(dimension, mirrored).unfold(dimension, len(HALVING), 2)
        grey = rows @ HALVING.to(grey.device)
    return grey
