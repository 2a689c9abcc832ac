"""Perceived differences of colours."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# sRGB (IEC 61966-2-1) in linear light to XYZ. The sum of a row is the white point, D65.
TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
# Below the first, the CIE replaces the cube root by a straight line.
LINEAR_BELOW, SLOPE, OFFSET = (6 / 29) ** 3, (29 / 6) ** 2 / 3, 4 / 29


def colour_error(image: Tensor, reference: Tensor) -> Tensor:
    """Mean colour difference CIEDE2000 over the pixels.

    Args:
        image: sRGB, expected shape B x 3 x H x W, range [0, 1].
        reference: same shape and range.

    Returns:
        Shape B, at least 0; a difference of 1 is about the least that is visible side by side.
    """
    return ciede2000(to_lab(image), to_lab(reference)).mean(dim=(1, 2))


def to_lab(image: Tensor) -> Tensor:
    """Convert sRGB to CIE L*a*b* under D65.

    Args:
        image: expected shape B x 3 x ..., range [0, 1].

    Returns:
        Same shape: L* in [0, 100], a* and b* about -110 to 110.
    """
    linear = torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    red, green, blue = linear.unbind(dim=1)
    # This is no matrix product, as autocast would compute that in 16 bits.
    xyz = torch.stack([(r * red + g * green + b * blue) / (r + g + b) for r, g, b in TO_XYZ], dim=1)
    x, y, z = torch.where(xyz > LINEAR_BELOW, xyz ** (1 / 3), SLOPE * xyz + OFFSET).unbind(dim=1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=1)


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """Colour difference CIEDE2000, with all parametric factors 1.

    G. Sharma, W. Wu and E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test
    data, and mathematical observations", Color Research and Application 30(1), 2005, equations 2 to 22.

    Args:
        first: CIE L*a*b*, expected shape B x 3 x ...
        second: same shape.

    Returns:
        Shape B x ..., at least 0.
    """
    (l1, a1, b1), (l2, a2, b2) = first.unbind(dim=1), second.unbind(dim=1)
    stretch = 1.5 - 0.5 * _chroma_share((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2)
    a1, a2 = stretch * a1, stretch * a2
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    turn, hue = _hues(torch.atan2(b1, a1), torch.atan2(b2, a2), coloured=c1 * c2 > 0)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    from_middle = (lightness - 50) ** 2
    d_l = (l2 - l1) / (1 + 0.015 * from_middle / torch.sqrt(20 + from_middle))
    d_c = (c2 - c1) / (1 + 0.045 * chroma)
    d_h = 2 * torch.sqrt(c1 * c2) * torch.sin(turn / 2) / (1 + 0.015 * chroma * _hue_weight(hue))
    squared = d_l**2 + d_c**2 + d_h**2 + _rotation(hue, chroma) * d_c * d_h
    # Rounding may make it negative for equal colours.
    return squared.clamp_min(0).sqrt()


def _chroma_share(chroma: Tensor) -> Tensor:
    """Return the root of C^7 / (C^7 + 25^7)."""
    # float32 cannot hold the 7th power of small numbers, but that of their ratio to 25.
    ratio = (chroma / 25) ** 7
    return torch.sqrt(ratio / (ratio + 1))


def _hues(first: Tensor, second: Tensor, coloured: Tensor) -> tuple[Tensor, Tensor]:
    """Return the turn from one hue to the other and the hue in the middle, in radians (equations 7, 10 and 14)."""
    first, second = first % math.tau, second % math.tau
    turn = second - first
    turn = torch.where(turn > math.pi, turn - math.tau, torch.where(turn < -math.pi, turn + math.tau, turn))
    middle = (first + turn / 2) % math.tau
    # Grey has no hue, so the other colour's hue counts.
    return torch.where(coloured, turn, 0.0), torch.where(coloured, middle, first + second)


def _hue_weight(hue: Tensor) -> Tensor:
    degree = math.radians(1)
    return (
        1
        - 0.17 * torch.cos(hue - 30 * degree)
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + 6 * degree)
        - 0.20 * torch.cos(4 * hue - 63 * degree)
    )


def _rotation(hue: Tensor, chroma: Tensor) -> Tensor:
    """Return the factor that couples chroma and hue among blues."""
    angle = math.radians(30) * torch.exp(-(((torch.rad2deg(hue) - 275) / 25) ** 2))
    return -2 * _chroma_share(chroma) * torch.sin(2 * angle)
