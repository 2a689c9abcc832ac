"""The four losses without reference, as pure functions, and the module of their weighted sum.

The paper (CVPR 2020, arXiv 2001.06826, section 3.3), the released code and the report's code define each term
differently. Every difference is one named option here. The defaults are the released code's definitions; the
files in ``conf/loss`` hold the other published combinations.

One of them is another method's: Self-DACE (Wen et al., "Self-Reference Deep Adaptive Curve Estimation for Low-Light
Image Enhancement", arXiv 2308.08197). Its forms follow the formulas of the losses of its released code (MIT licence,
``new_version/stage_1_lit``), which train its first stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zero_dce.checks import check_option
from zero_dce.curves import ITERATIONS

Direction = Literal["left", "right", "up", "down"]
DIRECTIONS: tuple[Direction, ...] = ("left", "right", "up", "down")
# This is the level E of the exposure loss in the paper, section 3.3, and in the released code.
EXPOSURE_TARGET = 0.6
# The side, in pixels, of the regions whose colours Self-DACE compares with those of the input.
COLOUR_REGION = 4
# A fifth term, which needs more than the picture; its weight is optional.
RESTORATION = "rec"
# The position of each neighbour, as (dy, dx).
_OFFSETS: dict[str, tuple[int, int]] = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}


def spatial_consistency_loss(
    image: Tensor,
    enhanced: Tensor,
    *,
    region: int = 4,
    difference: Literal["signed", "absolute"] = "signed",
    border: Literal["zeros", "none"] = "zeros",
    directions: Sequence[Direction] = DIRECTIONS,
) -> Tensor:
    """Penalise changed contrast between neighbouring regions (``spa``; paper, equation 4).

    Intensities are averaged over RGB and over ``region`` x ``region`` pixels. For each region the squared change of
    the difference to its neighbours is summed over ``directions``; the result is the mean over all regions and the
    batch.

    Args:
        image: the network's input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.
        region: side of a region in pixels; remainders at the right and bottom edge are left out.
        difference: ``signed`` compares ``dY - dI`` (released code), ``absolute`` ``|dY| - |dI|`` (paper), which does
            not penalise a reversed contrast.
        border: ``zeros`` compares a border region with 0 outside (released code, by zero padding), ``none`` leaves out
            neighbours that do not exist (paper).
        directions: the neighbours that count. The report's code omits one of the vertical ones.

    Returns:
        A scalar, at least 0.

    Raises:
        ValueError: if an option is unknown or the image is smaller than a region.
    """
    check_option("loss.spa.difference", difference)
    check_option("loss.spa.border", border)
    check_option("loss.spa.directions", list(directions))
    before = _regions(image, region)
    after = _regions(enhanced, region)
    total = after.new_zeros(())
    for direction in directions:
        delta_after = _neighbour_difference(after, direction, border)
        delta_before = _neighbour_difference(before, direction, border)
        if difference == "absolute":
            delta_after, delta_before = delta_after.abs(), delta_before.abs()
        total = total + (delta_after - delta_before).square().sum()
    return total / after.numel()


def exposure_control_loss(
    enhanced: Tensor,
    image: Tensor | None = None,
    *,
    target: float = EXPOSURE_TARGET,
    region: int = 16,
    distance: Literal["squared", "absolute"] = "squared",
    colour_aware: bool = False,
) -> Tensor:
    """Pull the mean intensity of each region to a target exposure (``exp``; paper, equation 5).

    Args:
        enhanced: expected shape B x 3 x H x W, range [0, 1].
        image: the network's input, same shape and range; only ``colour_aware`` needs it.
        target: the well-exposed level E, range [0, 1].
        region: side of a region in pixels; remainders at the right and bottom edge are left out.
        distance: ``squared`` (released code) or ``absolute`` (paper).
        colour_aware: lower the target where the input has colour, to ``E (1 - |c - 1/3|)``, where c are the shares of
            R, G and B in their sum and the bars are the Euclidean norm (Self-DACE). Grey regions keep E; a region in
            one primary colour gets 0.18 E, which it can reach without losing its colour, and a black one 0.42 E.

    Returns:
        A scalar, the mean over regions and batch. Self-DACE compares sums over RGB, so its squares are 9 times as
        large, and a weight of 5 there is one of 45 here.

    Raises:
        ValueError: if an option is unknown, the image is smaller than a region, or ``colour_aware`` lacks the input.
    """
    check_option("loss.exp.distance", distance)
    check_option("loss.exp.target", target)
    check_option("loss.exp.colour_aware", colour_aware)
    intensity = _regions(enhanced, region)
    if colour_aware:
        shares = _colour_shares(_pool(_input(image, "loss.exp.colour_aware"), region), 1e-10)
        colourfulness: Tensor = torch.linalg.vector_norm(shares - 1 / 3, dim=1, keepdim=True)
        gap = intensity - target * (1 - colourfulness)
    else:
        gap = intensity - target
    return (gap.square() if distance == "squared" else gap.abs()).mean()


def colour_constancy_loss(
    enhanced: Tensor,
    image: Tensor | None = None,
    *,
    power: Literal[2, 4] = 4,
    root: bool = True,
    compare: Literal["means", "shares"] = "means",
    local: float = 0.0,
) -> Tensor:
    """Penalise a colour cast: differences between the channel means of a picture (``col``; paper, equation 6).

    Args:
        enhanced: expected shape B x 3 x H x W, range [0, 1].
        image: the network's input, same shape and range; only ``local`` needs it.
        power: exponent of the three differences, which are summed.
        root: take the square root per image. Power 4 with the root is the released code, 2 without it the paper, and 2
            with it the report's code, whose gradient does not vanish.
        compare: the differences are those between the channel ``means`` RG, RB and GB, or from each channel's share in
            the sum of the means to a third (``shares``; Self-DACE, with power 2 and no root), which a bright picture
            does not have larger than a dark one.
        local: add this many times :func:`local_colour_loss`, at least 0. In Self-DACE it weighs 20000 and the rest 50,
            so it is 400 here under a weight of 50.

    Returns:
        A scalar, the mean over the batch. Its gradient is 0, not NaN, where all channel means are equal.

    Raises:
        ValueError: if an option has a value that it does not take, or ``local`` lacks the input.
    """
    check_option("loss.col.power", power)
    check_option("loss.col.compare", compare)
    check_option("loss.col.local", local)
    gaps = _colour_gaps(enhanced.mean(dim=(2, 3)), compare)
    terms = gaps if power == 2 else gaps.square()
    if root:
        # The norm is the root of the sum of squares; unlike sqrt it has a finite (sub)gradient at 0, as for grey
        # pictures.
        cast: Tensor = torch.linalg.vector_norm(terms, dim=1).mean()
    else:
        cast = terms.square().sum(dim=1).mean()
    return cast + local * local_colour_loss(_input(image, "loss.col.local"), enhanced) if local else cast


def local_colour_loss(image: Tensor, enhanced: Tensor) -> Tensor:
    """Penalise regions whose colour is another than in the input (Self-DACE; a part of ``col``).

    The colour of a region of 4 x 4 pixels is the shares of its means of R, G and B in their sum, to which 1e-4 is
    added: hardly anything is asked of regions that are black.

    Args:
        image: the network's input, expected shape B x 3 x H x W, range [0, 1].
        enhanced: its enhancement, same shape and range.

    Returns:
        A scalar: the squared changes of the three shares, summed; the mean over regions and batch.

    Raises:
        ValueError: if the image is smaller than a region.
    """
    before = _colour_shares(_pool(image, COLOUR_REGION), 1e-4)
    after = _colour_shares(_pool(enhanced, COLOUR_REGION), 1e-4)
    return (after - before).square().sum(dim=1).mean()


def illumination_smoothness_loss(
    curve_maps: Tensor, *, gradient: Literal["per_direction", "mean", "squared", "absolute"] = "per_direction"
) -> Tensor:
    """Penalise curve maps that change between neighbouring pixels (``tv``; paper, equation 7).

    Args:
        curve_maps: expected shape B x 3n x H x W, range [-1, 1].
        gradient: how the differences dx and dy are combined.
            ``per_direction``: ``2 (sum dx^2 / count_x + sum dy^2 / count_y)``, summed over all maps (released code).
            ``mean``: ``sum dx^2 / count_x + sum dy^2 / count_y``, averaged over all maps (Self-DACE, which has maps of
            its own curve), so that one weight suits any number of maps.
            ``squared``: ``dx^2 + dy^2`` (the report's equation) and ``absolute``: ``(|dx| + |dy|)^2`` (paper), both
            averaged over positions, summed over maps and divided by the number of iterations.

    Returns:
        A scalar, the mean over the batch; a direction of only one pixel contributes 0.

    Raises:
        ValueError: if the option is unknown.
    """
    check_option("loss.tv.gradient", gradient)
    batch, channels, height, width = curve_maps.shape
    dx = curve_maps[..., :, 1:] - curve_maps[..., :, :-1]
    dy = curve_maps[..., 1:, :] - curve_maps[..., :-1, :]
    if gradient in ("per_direction", "mean"):
        mean_x = dx.square().sum() / max(height * (width - 1), 1)
        mean_y = dy.square().sum() / max((height - 1) * width, 1)
        return (2 if gradient == "per_direction" else 1 / channels) * (mean_x + mean_y) / batch
    dx, dy = dx[..., :-1, :], dy[..., :, :-1]
    energy = dx.square() + dy.square() if gradient == "squared" else (dx.abs() + dy.abs()).square()
    positions = max((height - 1) * (width - 1), 1)
    iterations = max(channels // 3, 1)
    return energy.sum() / (positions * iterations * batch)


def restoration_loss(enhanced: Tensor, clean: Tensor) -> Tensor:
    """Compare a frame that was darkened or over-exposed, and enhanced, with what it was (``rec``): not published.

    Args:
        enhanced: expected shape B x 3 x H x W, range [0, 1].
        clean: same shape and range.

    Returns:
        A scalar, the mean absolute error.
    """
    return (enhanced - clean).abs().mean()


@dataclass(frozen=True)
class LossTerms:
    """The result of the composite loss.

    Attributes:
        terms: each term, unweighted.
        weights: of the terms.
        total: the weighted sum, which is minimised. Totals under different weights cannot be compared.
    """

    terms: dict[str, Tensor]
    weights: dict[str, float]
    total: Tensor

    @classmethod
    def weighted(cls, terms: dict[str, Tensor], weights: dict[str, float]) -> LossTerms:
        """Return terms with their weighted sum."""
        return cls(terms, weights, torch.stack([weights[name] * term for name, term in terms.items()]).sum())

    @property
    def shares(self) -> dict[str, Tensor]:
        """Each term's weighted part of the total, range [0, 1]; all 0 where the total is 0."""
        total = self.total.detach()
        divisor = torch.where(total > 0, total, torch.ones_like(total))
        return {name: self.weights[name] * term.detach() / divisor for name, term in self.terms.items()}


class CompositeLoss(nn.Module):
    """The weighted sum of the four losses; called with input, enhanced image and curve maps.

    Args:
        spa: options of :func:`spatial_consistency_loss`.
        exp: options of :func:`exposure_control_loss`.
        col: options of :func:`colour_constancy_loss`.
        tv: options of :func:`illumination_smoothness_loss`.
        weights: one finite number of at least 0 for each of ``spa``, ``exp``, ``col``, ``tv``; the default is the
            released code's 1, 10, 5, 200. And perhaps one for ``rec``, :func:`restoration_loss`, which is 0 otherwise.

    Raises:
        ValueError: if a weight is missing, unknown, negative, not finite or not a number.
        TypeError: if a term gets an option that it does not have.
    """

    NAMES = ("spa", "exp", "col", "tv")

    def __init__(
        self,
        spa: Mapping[str, Any] | None = None,
        exp: Mapping[str, Any] | None = None,
        col: Mapping[str, Any] | None = None,
        tv: Mapping[str, Any] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.options = {"spa": dict(spa or {}), "exp": dict(exp or {}), "col": dict(col or {}), "tv": dict(tv or {})}
        self.weights = _check_weights(weights or {"spa": 1.0, "exp": 10.0, "col": 5.0, "tv": 200.0})
        self._try_options()

    def forward(self, image: Tensor, enhanced: Tensor, curve_maps: Tensor, clean: Tensor | None = None) -> LossTerms:
        """Evaluate all four terms, and ``rec`` where there is something to compare with.

        Args:
            image: the network's input, expected shape B x 3 x H x W, range [0, 1].
            enhanced: its enhancement, same shape and range.
            curve_maps: expected shape B x 3n x H x W, range [-1, 1].
            clean: what the enhancement should restore, same shape and range as the image.
        """
        terms = {
            "spa": spatial_consistency_loss(image, enhanced, **self.options["spa"]),
            "exp": exposure_control_loss(enhanced, image, **self.options["exp"]),
            "col": colour_constancy_loss(enhanced, image, **self.options["col"]),
            "tv": illumination_smoothness_loss(curve_maps, **self.options["tv"]),
        }
        if clean is not None and self.weights.get(RESTORATION):
            terms[RESTORATION] = restoration_loss(enhanced, clean)
        return LossTerms.weighted(terms, self.weights)

    def _try_options(self) -> None:
        """Find a wrong option when the loss is created, not in the first training step."""
        regions = {f"loss.{name}.region": self.options[name].get("region", 16) for name in ("spa", "exp")}
        for name, region in regions.items():
            check_option(name, region)
        side = max(COLOUR_REGION, *regions.values())
        self(torch.zeros(1, 3, side, side), torch.zeros(1, 3, side, side), torch.zeros(1, 3 * ITERATIONS, 2, 2))


def _regions(image: Tensor, region: int) -> Tensor:
    """Return the mean intensity of each region, B x 1 x H/region x W/region."""
    return _pool(image.mean(dim=1, keepdim=True), region)


def _pool(image: Tensor, region: int) -> Tensor:
    """Return the mean of each channel in each region, B x C x H/region x W/region."""
    height, width = image.shape[-2:]
    if region < 1 or min(height, width) < region:
        raise ValueError(
            f"the image is {width}x{height} pixels, a region of the loss {region}x{region}: "
            "use larger images (data.size) or a smaller region of at least 1"
        )
    return F.avg_pool2d(image, region)


def _input(image: Tensor | None, option: str) -> Tensor:
    """Return the network's input, or raise ValueError where an option needs it and it was not given."""
    if image is None:
        raise ValueError(f"{option} compares with the network's input: give it too, as the argument image")
    return image


def _colour_shares(means: Tensor, least: float) -> Tensor:
    """Return each channel's share in the sum over RGB, of shape B x 3 or B x 3 x H x W; near 0 where all is black.

    ``least`` is added to the sum, so that black does not divide by 0. Self-DACE has another number in each loss.
    """
    return means / (means.sum(dim=1, keepdim=True) + least)


def _colour_gaps(means: Tensor, compare: str) -> Tensor:
    """Return the three differences of colour of each picture, B x 3, from its channel means, B x 3."""
    if compare == "shares":
        return _colour_shares(means, 1e-10) - 1 / 3
    red, green, blue = means.unbind(dim=1)
    return torch.stack((red - green, red - blue, green - blue), dim=1)


def _neighbour_difference(regions: Tensor, direction: str, border: str) -> Tensor:
    """Return each region minus its neighbour in one direction; only existing neighbours if the border is ``none``."""
    if border == "zeros":
        regions = F.pad(regions, (1, 1, 1, 1))
    dy, dx = _OFFSETS[direction]
    height, width = regions.shape[-2:]
    margin = 1 if border == "zeros" else 0
    top, bottom = max(margin, -dy), height - max(margin, dy)
    left, right = max(margin, -dx), width - max(margin, dx)
    centre = regions[..., top:bottom, left:right]
    return centre - regions[..., top + dy : bottom + dy, left + dx : right + dx]


def _check_weights(weights: Mapping[str, float]) -> dict[str, float]:
    names = CompositeLoss.NAMES
    if set(weights) - {RESTORATION} != set(names):
        raise ValueError(f"loss.weights has the names {sorted(map(str, weights))}; expected exactly {sorted(names)}")
    for name, value in weights.items():
        check_option(f"loss.weights.{name}", value)
    return {name: float(weights[name]) for name in (*names, RESTORATION) if name in weights}
