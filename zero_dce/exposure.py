"""The exposure of an enhanced picture: one level, added to all of its curve maps, that brings it to a brightness.

The networks see 15 x 15 pixels around each one, so they cannot know how bright the whole picture is: a checkpoint that
brightens dark pictures well washes bright ones out. What they do know is what each place needs beside the others. So
the level is found for each picture, by bisection, and the network decides the rest.

A level is monotone: a higher one brightens every pixel or leaves it. Scaling the maps instead is not, where some of
them darken.

All functions take tensors of PyTorch or arrays of NumPy, and return what they were given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from zero_dce.checks import check_number
from zero_dce.curves import apply_curves

# Curve maps are in [-1, 1], so this level replaces all of them by one end of the range.
MOST_LEVEL = 2.0
# The level is found to within MOST_LEVEL / 2^BISECTIONS, which moves the mean by a small part of a grey level.
BISECTIONS = 14
# Means are taken over a grid of at most so many pixels along each side.
GRID = 64
# The mean of a photograph that is exposed well, and the range in which such means lie.
EXPOSED_MEAN, LEAST_WELL, MOST_WELL = 0.44, 0.36, 0.56
# The change of the mean with the level is measured over twice this step, and taken for no less than this.
NUDGE, LEAST_RISE = 0.02, 0.05
# Values outside count as clipped: what they show can no longer be told from white or black.
NEAR_WHITE, NEAR_BLACK = 0.98, 0.02
# A level newly clips at most this share of a picture's values at either end.
MOST_NEWLY_CLIPPED = 0.01
# How far below and above the range a picture's aim changes over, and the shares of clipped values between which a
# bright picture changes from one of snow to an over-exposed one.
BELOW, ABOVE = 0.1, 0.05
LEAST_BURNT, MOST_BURNT = 0.005, 0.03
# Most of a night's pixels are black and some of them are lit: so many, and so bright, both as means over RGB. A picture
# that is only exposed too short has no lit ones. A wholly black night stays this much below the target.
BLACK, LIT = 0.05, 0.5
LEAST_BLACK, MOST_BLACK, ENOUGH_LIT = 0.6, 0.8, 0.005
NIGHT = 0.3


def shift_exposure(curve_maps: Any, level: Any) -> Any:
    """Brighten (positive levels) or darken all curve maps by a level.

    Args:
        curve_maps: expected shape B x 3n x H x W, range [-1, 1], in the sign of
            :func:`zero_dce.curves.apply_curves`, where negative brightens.
        level: a number, or B x 1 x 1 x 1, range [-2, 2].

    Returns:
        Curve maps of the same shape and range.
    """
    return (curve_maps - level).clip(-1, 1)


def exposure_level(image: Any, curve_maps: Any, target: Any, most_newly_clipped: float = 1.0) -> Any:
    """Find the level at which the mean of each enhanced picture is its target, by bisection.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].
        curve_maps: expected shape B x 3n x H x W, range [-1, 1], see :func:`zero_dce.curves.apply_curves`.
        target: the mean, a number or B x 1 x 1 x 1, range [0, 1].
        most_newly_clipped: the largest share of values, in [0, 1], that may rise above :data:`NEAR_WHITE`, and that may
            fall below :data:`NEAR_BLACK`; where the target would need more, the picture stays darker, or brighter.

    Returns:
        B x 1 x 1 x 1, range [-2, 2], for :func:`shift_exposure`. No gradient flows through the search. Where the target
        cannot be reached, as from a black picture, the level is the nearest end of the range.
    """
    image, curve_maps = _sample(_detach(image)), _sample(_detach(curve_maps))
    below_white, above_black = image <= NEAR_WHITE, image >= NEAR_BLACK

    def is_too_bright(enhanced: Any) -> Any:
        burnt = _mean(1.0 * ((enhanced > NEAR_WHITE) & below_white))
        return (_mean(enhanced) > target) | (burnt > most_newly_clipped)

    def is_not_crushed(enhanced: Any) -> Any:
        return _mean(1.0 * ((enhanced < NEAR_BLACK) & above_black)) <= most_newly_clipped

    level = _highest_level(image, curve_maps, is_too_bright)
    if most_newly_clipped >= 1:
        return level
    # What was found may lie on either side of the true level by so much, of which only one keeps to the share.
    margin = MOST_LEVEL / 2**BISECTIONS
    least = _highest_level(image, curve_maps, is_not_crushed) + margin
    return level - margin + (least - level + margin).clip(0)


def _highest_level(image: Any, curve_maps: Any, is_above: Callable[[Any], Any]) -> Any:
    """Find the level above which ``is_above`` holds of each enhanced picture."""
    level, step = 0 * image[:, :1, :1, :1], MOST_LEVEL
    for _ in range(BISECTIONS):
        step /= 2
        enhanced = apply_curves(image, shift_exposure(curve_maps, level))
        level = level + step * (1.0 - 2.0 * is_above(enhanced))
    return level


def enhance_at_mean(image: Any, curve_maps: Any, target: Any) -> Any:
    """Enhance pictures of PyTorch at the level at which each has its target as mean, for training.

    The level is a function of the maps, so the gradient flows through it, by the implicit function theorem: with the
    mean held at the target, ``dlevel = -dmean / (dmean/dlevel)``. A gradient that took it for a constant would move the
    level of the maps without any effect on the picture, until they saturate.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].
        curve_maps: expected shape B x 3n x H x W, range [-1, 1].
        target: a number or B x 1 x 1 x 1, range [0, 1].

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    level = exposure_level(image, curve_maps, target)
    few, few_maps = _sample(image), _sample(curve_maps)

    def mean_at(shift: Any) -> Any:
        return _mean(apply_curves(few, shift_exposure(few_maps, shift)))

    mean = mean_at(level)
    rise = (_detach(mean_at(level + NUDGE)) - _detach(mean_at(level - NUDGE))) / (2 * NUDGE)
    level = level + (_detach(mean) - mean) / rise.clip(LEAST_RISE)
    return apply_curves(image, shift_exposure(curve_maps, level))


def suited_target(image: Any) -> Any:
    """Return the mean that suits each picture.

    - A dark picture is brought to :data:`EXPOSED_MEAN`; a night, which is black with lights in it, stays darker.
    - One that is exposed well, with a mean between :data:`LEAST_WELL` and :data:`MOST_WELL`, keeps its mean.
    - A brighter one keeps its mean too, as of snow, unless much of it is clipped: then it is over-exposed, and what is
      not clipped is darkened to :data:`EXPOSED_MEAN`.

    In between, the aim changes gradually. These rules were drawn from photographs by eye, not fitted to references.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        B x 1 x 1 x 1, range [0, 1], in the image's own type.
    """
    mean, burnt = _mean(image), _mean(1.0 * (image > NEAR_WHITE))
    dark = _rise(-mean, -LEAST_WELL, BELOW - LEAST_WELL)
    over = _rise(mean, MOST_WELL, MOST_WELL + ABOVE) * _rise(burnt, LEAST_BURNT, MOST_BURNT)
    to_dark = EXPOSED_MEAN - NIGHT * _night(image) - mean
    to_over = burnt + (1 - burnt) * EXPOSED_MEAN - mean
    return mean + dark * to_dark + over * to_over


def parse_exposure(text: str) -> str | float:
    """Return a number where the text of an option is one; :func:`check_exposure` says what else is allowed."""
    try:
        return float(text)
    except ValueError:
        return text


def check_exposure(name: str, value: object) -> None:
    """Raise ValueError, which names the option, unless ``value`` is ``auto``, ``off`` or a mean in [0.05, 0.95]."""
    if value in ("auto", "off"):
        return
    if isinstance(value, str):
        raise ValueError(f"{name} is {value!r}; expected auto, off or the mean to reach, a number from 0.05 to 0.95")
    check_number(name, value, least=0.05, most=0.95)


def level_for(exposure: str | float, image: Any, curve_maps: Any) -> Any:
    """Return the level of each picture for ``exposure``: ``auto``, ``off``, or the mean to reach.

    With ``auto``, the target is :func:`suited_target`, and no more than :data:`MOST_NEWLY_CLIPPED` is newly clipped. A
    number is reached whatever it clips.

    Args:
        exposure: see :func:`check_exposure`.
        image: expected shape B x 3 x H x W, range [0, 1].
        curve_maps: expected shape B x 3n x H x W, range [-1, 1].

    Returns:
        B x 1 x 1 x 1, 0 for ``off``.
    """
    if exposure == "off":
        return 0 * image[:, :1, :1, :1]
    if exposure == "auto":
        return exposure_level(image, curve_maps, suited_target(image), MOST_NEWLY_CLIPPED)
    return exposure_level(image, curve_maps, exposure)


def _night(image: Any) -> Any:
    """Return the share of a night's picture that is black, 0 for other pictures."""
    grey = image.mean(axis=1, keepdims=True)
    black, lit = _mean(1.0 * (grey < BLACK)), _mean(1.0 * (grey > LIT))
    return black * _rise(black, LEAST_BLACK, MOST_BLACK) * _rise(lit, 0, ENOUGH_LIT)


def _rise(value: Any, start: float, end: float) -> Any:
    """Return 0 below the start, 1 above the end, and a share in between."""
    return ((value - start) / (end - start)).clip(0, 1)


def enhance_at(exposure: str | float, image: Any, curve_maps: Any) -> Any:
    """Return the enhanced pictures at ``exposure``, B x 3 x H x W in [0, 1]; arguments as of :func:`level_for`."""
    return apply_curves(image, shift_exposure(curve_maps, level_for(exposure, image, curve_maps)))


def _detach(values: Any) -> Any:
    return values.detach() if hasattr(values, "detach") else values


def _sample(values: Any) -> Any:
    """Return a grid of pixels: their means are the picture's to a fraction of a percent."""
    down, across = (math.ceil(side / GRID) for side in values.shape[-2:])
    return values[..., down // 2 :: down, across // 2 :: across]


def _mean(values: Any) -> Any:
    return values.mean(axis=(1, 2, 3), keepdims=True)
