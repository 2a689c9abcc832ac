"""Measures of single pictures, and of how a picture changed: brightness, highlights, colour, noise, lightness order."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from zero_dce.losses import EXPOSURE_TARGET

# A value at or above this rounds to 255 when the picture is saved in 8 bits.
CLIP_LEVEL = 254.5 / 255
GREY_LEVELS = 256
# These weights of RGB are the luminance of ITU-R BT.601, which most published code means by grey.
LUMINANCE = (0.299, 0.587, 0.114)
# In the authors' code of the LOE, the grid has about so many points along the shorter side, each the brightest of
# 15 x 15 pixels.
LOE_GRID = 50
LOE_RADIUS = 7


def brightness(image: Tensor) -> Tensor:
    """Mean over RGB and all pixels.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        Shape B, range [0, 1].
    """
    return image.mean(dim=(1, 2, 3))


def clipped_share(image: Tensor) -> Tensor:
    """Share of pixels with a blown highlight: a channel that rounds to 255 of 255.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        Shape B, range [0, 1].
    """
    return (image.amax(dim=1) >= CLIP_LEVEL).float().mean(dim=(1, 2))


def saturation(image: Tensor) -> Tensor:
    """Mean HSV saturation, ``(max - min) / max`` over the channels of a pixel; 0 for a black pixel.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        Shape B, range [0, 1].
    """
    highest, lowest = image.amax(dim=1), image.amin(dim=1)
    safe = torch.where(highest > 0, highest, torch.ones_like(highest))
    return ((highest - lowest) / safe).mean(dim=(1, 2))


def saturation_ratio(image: Tensor, enhanced: Tensor) -> Tensor:
    """Ratio of the mean saturation after to that before: below 1 colours fade.

    Its mean over pictures is not the measure of validation, which is the ratio of the means.

    Args:
        image: the input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.

    Returns:
        Shape B, at least 0; NaN for grey input, which has no colours to fade.
    """
    before, after = saturation(image), saturation(enhanced)
    return torch.where(before > 0, after / before, torch.nan)


def entropy(image: Tensor) -> Tensor:
    """Entropy of the luminance histogram: how evenly the 256 grey levels are used.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        Shape B, in bits, range [0, 8]; 0 where all pixels have one level.
    """
    levels = to_levels(luminance(image)).long()
    share = histograms(levels, GREY_LEVELS) / levels[0].numel()
    bits: Tensor = -torch.special.xlogy(share, share).sum(dim=1) / math.log(2)
    return bits


def brightened_bright(image: Tensor, enhanced: Tensor, target: float = EXPOSURE_TARGET) -> Tensor:
    """Tell which pictures were brightened though they were brighter than the exposure target already.

    Args:
        image: the input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.
        target: the well-exposed level, that of the exposure loss.

    Returns:
        Shape B, 1 for such a picture and 0 for any other: the mean is the share of all pictures.
    """
    before, after = brightness(image), brightness(enhanced)
    return ((before > target) & (after > before)).float()


def brightened_by(image: Tensor, enhanced: Tensor, target: float = EXPOSURE_TARGET) -> Tensor:
    """Return by how much the pictures of :func:`brightened_bright` became brighter.

    Args:
        image: the input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.
        target: the well-exposed level, that of the exposure loss.

    Returns:
        Shape B, in (0, 1]; NaN for all other pictures.
    """
    gain = brightness(enhanced) - brightness(image)
    return torch.where(brightened_bright(image, enhanced, target) > 0, gain, torch.nan)


def luminance(image: Tensor) -> Tensor:
    """Convert B x 3 x H x W to the luminance of ITU-R BT.601, B x H x W, in the same range."""
    red, green, blue = image.unbind(dim=1)
    return LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue


def to_levels(values: Tensor) -> Tensor:
    """Round [0, 1] to the whole numbers 0 to 255 that an 8-bit file has, as uint8."""
    return (values.clamp(0, 1) * (GREY_LEVELS - 1)).round().to(torch.uint8)


def histograms(values: Tensor, bins: int) -> Tensor:
    """Count the whole numbers 0 to ``bins`` - 1 in each picture.

    Args:
        values: int64, shape B x ...
        bins: how many numbers there are.

    Returns:
        int64, shape B x bins.
    """
    offsets = bins * torch.arange(len(values), device=values.device)[:, None]
    return torch.bincount((values.flatten(1) + offsets).flatten(), minlength=bins * len(values)).view(-1, bins)


def noise(image: Tensor) -> Tensor:
    """Estimate the standard deviation of the noise.

    J. Immerkaer, "Fast noise variance estimation", CVIU 64(2), 1996: the mean absolute response to the mask
    ``[[1, -2, 1], [-2, 4, -2], [1, -2, 1]]``, the difference of two Laplacians, which is blind to edges along rows and
    columns and to gradients; on normal noise its standard deviation is 6 times that of the noise. The three channels'
    estimates are averaged.

    Fine texture counts as noise too, so compare an output with its input and not one scene with another. Estimates that
    exclude texture use only the flattest parts, which in dark photographs of 8 bits are rounded to one value.

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


def lightness_order_error(image: Tensor, enhanced: Tensor) -> Tensor:
    """Lightness order error (LOE): in how many pairs of points the order of lightness changed.

    S. Wang, J. Zheng, H. Hu and B. Li, "Naturalness preserved enhancement algorithm for non-uniform illumination
    images", IEEE TIP 22(9), 2013, section V, as their code computes it: lightness is the largest channel, in 8 bits,
    and the largest within 15 x 15 pixels; points lie on a grid of ``floor(shorter side / 50)`` pixels. For each point
    the points are counted whose order to it (at least as light, or not) differs between the pictures; the result is the
    mean count. It grows with the number of points, so compare only pictures of one shape. Halos and reversed shadows
    raise it; a curve that is the same everywhere in the picture leaves it at nearly 0.

    Pairs are counted exactly, in the joint histogram of both lightnesses: the time grows with the number of points and
    not of pairs.

    Args:
        image: the input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.

    Returns:
        Shape B, range 0 to the number of points; 0 where no order changed.
    """
    before, after = _lightness(image), _lightness(enhanced)
    joint = histograms(GREY_LEVELS * before + after, GREY_LEVELS**2).view(-1, GREY_LEVELS, GREY_LEVELS)
    # Of this, the last column and the last row count the points that are at most as light in one of the pictures.
    both = joint.cumsum(dim=1).cumsum(dim=2)
    changed = joint * (both[:, :, -1:] + both[:, -1:, :] - 2 * both)
    return changed.sum(dim=(1, 2)) / before[0].numel()


def _lightness(image: Tensor) -> Tensor:
    """Return the lightness on the grid: int64, B x rows x columns, 0 to 255."""
    step = max(1, min(image.shape[-2:]) // LOE_GRID)
    largest = to_levels(image.amax(dim=1)).float()
    padded = F.pad(largest, (LOE_RADIUS,) * 4)[..., step - 1 :, step - 1 :]
    return F.max_pool2d(padded, 2 * LOE_RADIUS + 1, stride=step).to(torch.int64)
