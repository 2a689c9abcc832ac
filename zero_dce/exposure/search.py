"""The exposure that brings a picture to a brightness, found by bisection."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from zero_dce.exposure.response import WHITEST, expose

# At its ends, nothing but black and white is left of 8 bits.
MOST_EV = 8.0
# The exposure is found to within MOST_EV / 2^BISECTIONS, which moves the mean by a small part of a grey level.
BISECTIONS = 15
# Means are taken over a grid of at most so many pixels along each side.
GRID = 64
# The change of the mean with the exposure is measured over twice this step, and taken for no less than this.
NUDGE, LEAST_RISE = 0.05, 0.02
# An exposure clips what it brings above WHITEST, and what can no longer be told from black.
CRUSHED = 0.02


def ev_to_reach(image: Any, target: Any, before: Any = None, most_newly_clipped: float = 1.0) -> Any:
    """Find the exposure that brings the mean of each picture to its target, by bisection.

    Args:
        image: B x 3 x H x W, range [0, 1].
        target: the mean, a number or B x 1 x 1 x 1, range [0, 1].
        before: with ``most_newly_clipped``, the picture before it was enhanced; what was clipped there may stay so.
        most_newly_clipped: the largest share of values, in [0, 1], that may rise above :data:`WHITEST`, and
            that may fall below :data:`CRUSHED`; where the target would need more, the picture stays darker or brighter.

    Returns:
        B x 1 x 1 x 1, range [-8, 8], for :func:`~zero_dce.exposure.response.expose`. No gradient flows through the
        search. Where the target cannot be reached, as from a black picture, it is the nearest end of the range.
    """
    few = sample_of(detach(image))
    return ev_of_sample(few, target, few if before is None else sample_of(detach(before)), most_newly_clipped)


def ev_of_sample(few: Any, target: Any, before: Any, most_newly_clipped: float = 1.0) -> Any:
    """Return :func:`ev_to_reach` of pictures of which :func:`sample_of` is given, of the picture before as well."""
    below_white, above_black = before <= WHITEST, before >= CRUSHED

    def is_too_bright(exposed: Any) -> Any:
        burnt = mean_of(1.0 * ((exposed > WHITEST) & below_white))
        return (mean_of(exposed) > target) | (burnt > most_newly_clipped)

    def is_not_crushed(exposed: Any) -> Any:
        return mean_of(1.0 * ((exposed < CRUSHED) & above_black)) <= most_newly_clipped

    ev = highest_stops(expose, few, is_too_bright)
    if most_newly_clipped >= 1:
        return ev
    # What was found may lie on either side of the true exposure by so much, of which only one keeps to the share.
    margin = MOST_EV / 2**BISECTIONS
    least = highest_stops(expose, few, is_not_crushed) + margin
    return ev - margin + (least - ev + margin).clip(0)


def highest_stops(response: Callable[[Any, Any], Any], image: Any, is_above: Callable[[Any], Any]) -> Any:
    """Find the stops above which ``is_above`` holds of what a response makes of each picture."""
    ev, step = 0 * image[:, :1, :1, :1], MOST_EV
    for _ in range(BISECTIONS):
        step /= 2
        # Added to zeros of the picture's type, in which NumPy would not keep a truth value otherwise.
        ev = ev + step * (1 - 2 * (0 * ev + is_above(response(image, ev))))
    return ev


def expose_to_mean(image: Any, target: Any) -> Any:
    """Expose pictures of PyTorch so that each has its target as mean, for training.

    The exposure is a function of the picture, so the gradient flows through it, by the implicit function theorem: with
    the mean held at the target, ``dev = -dmean / (dmean/dev)``. A gradient that took it for a constant would move the
    brightness of what the network gives without any effect on the loss, until the maps saturate.

    Args:
        image: B x 3 x H x W, range [0, 1], as the network enhanced it.
        target: a number or B x 1 x 1 x 1, range [0, 1].

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    ev = ev_to_reach(image, target)
    few = sample_of(image)
    mean = mean_of(expose(few, ev))
    rise = detach(mean_of(expose(few, ev + NUDGE)) - mean_of(expose(few, ev - NUDGE))) / (2 * NUDGE)
    return expose(image, ev + (detach(mean) - mean) / rise.clip(LEAST_RISE))


def detach(values: Any) -> Any:
    """Return values without their gradient."""
    return values.detach() if hasattr(values, "detach") else values


def sample_of(values: Any) -> Any:
    """Return a grid of pixels: their means are the picture's to a fraction of a percent."""
    down, across = (math.ceil(side / GRID) for side in values.shape[-2:])
    return values[..., down // 2 :: down, across // 2 :: across]


def mean_of(values: Any) -> Any:
    """Return each picture's mean, B x 1 x 1 x 1."""
    return values.mean(axis=(1, 2, 3), keepdims=True)
