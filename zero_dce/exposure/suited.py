"""Which mean suits a picture: rules that were drawn from photographs by eye."""

from __future__ import annotations

from typing import Any

from zero_dce.exposure.search import mean_of

# The mean of a photograph that is exposed well, and the range in which such means lie.
EXPOSED_MEAN, LEAST_WELL, MOST_WELL = 0.44, 0.36, 0.56
# A photograph's values above count as burnt: of what was there, a JPEG keeps no more than traces.
NEAR_WHITE = 0.98
# How far below and above the range a picture's aim changes over, and the shares of clipped values between which a
# bright picture changes from one of snow to an over-exposed one.
BELOW, ABOVE = 0.1, 0.05
LEAST_BURNT, MOST_BURNT = 0.002, 0.015
# What is clipped in an over-exposed picture becomes this bright: a sky may be pale, but no grey wall.
BURNT_MEAN = 0.7
# Most of a night's pixels are black and some of them are lit: so many, and so bright, both as means over RGB. A picture
# that is only exposed too short has no lit ones.
BLACK, LIT = 0.05, 0.5
LEAST_BLACK, MOST_BLACK, ENOUGH_LIT = 0.6, 0.8, 0.005
# The black of a night is empty, that of a dark room with a window has something in it: so many pixels are at most two
# levels of 8 bits bright.
EMPTY, LEAST_EMPTY, MOST_EMPTY = 2.5 / 255, 0.1, 0.25
# A wholly black night stays this much below the target.
NIGHT = 0.3


def suited_target(image: Any) -> Any:
    """Return the mean that suits each picture.

    - A dark picture is brought to :data:`EXPOSED_MEAN`; a night, which is black with lights in it, stays darker.
    - One that is exposed well, with a mean between :data:`LEAST_WELL` and :data:`MOST_WELL`, keeps its mean.
    - A brighter one keeps its mean too, as of snow, unless much of it is clipped: then it is over-exposed, and what is
      not clipped is darkened to :data:`EXPOSED_MEAN`, and what is to :data:`BURNT_MEAN`.

    In between, the aim changes gradually. Dodging may raise a mean beyond it, see
    :func:`zero_dce.exposure.setting.stops_for`. These rules were drawn from photographs by eye, not fitted to
    references.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].

    Returns:
        B x 1 x 1 x 1, range [0, 1], in the image's own type.
    """
    mean, burnt = mean_of(image), mean_of(1.0 * (image > NEAR_WHITE))
    dark = ramp(-mean, -LEAST_WELL, BELOW - LEAST_WELL)
    over = ramp(mean, MOST_WELL, MOST_WELL + ABOVE) * ramp(burnt, LEAST_BURNT, MOST_BURNT)
    to_dark = EXPOSED_MEAN - NIGHT * night_share(image) - mean
    to_over = burnt * BURNT_MEAN + (1 - burnt) * EXPOSED_MEAN - mean
    return mean + dark * to_dark + over * to_over


def night_share(image: Any) -> Any:
    """Return the share of a night's picture that is black, 0 for other pictures."""
    grey = image.mean(axis=1, keepdims=True)
    empty, black, lit = (mean_of(1.0 * found) for found in (grey < EMPTY, grey < BLACK, grey > LIT))
    night = ramp(empty, LEAST_EMPTY, MOST_EMPTY) * ramp(black, LEAST_BLACK, MOST_BLACK) * ramp(lit, 0, ENOUGH_LIT)
    return black * night


def ramp(value: Any, start: float, end: float) -> Any:
    """Return 0 below the start, 1 above the end, and a share in between."""
    return ((value - start) / (end - start)).clip(0, 1)
