"""The exposure of a picture: so many stops more or less, through a camera's response, bring it to a brightness.

The networks see 15 x 15 pixels around each one, so they cannot know how bright the whole picture is: a checkpoint that
brightens dark pictures well washes bright ones out. What they do know is what each place needs beside the others. So
the exposure is found for each enhanced picture, by bisection, and the network decides the rest.

All functions take tensors of PyTorch or arrays of NumPy, and return what they were given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from zero_dce.checks import check_number
from zero_dce.curves import apply_curves

# White in 8 bits is all that is brighter than half a step below it. Taken for that, it darkens along with what is next
# to it; taken for boundless light, it would stay white, and cut a burnt sky in two.
WHITEST = 1 - 0.5 / 255
# The square root has no gradient at 0. This is far below a step of 16 bits, at any exposure.
BLACKEST = 1e-9
# At its ends, nothing but black and white is left of 8 bits.
MOST_EV = 8.0
# The exposure is found to within MOST_EV / 2^BISECTIONS, which moves the mean by a small part of a grey level.
BISECTIONS = 15
# Means are taken over a grid of at most so many pixels along each side.
GRID = 64
# The mean of a photograph that is exposed well, and the range in which such means lie.
EXPOSED_MEAN, LEAST_WELL, MOST_WELL = 0.44, 0.36, 0.56
# The change of the mean with the exposure is measured over twice this step, and taken for no less than this.
NUDGE, LEAST_RISE = 0.05, 0.02
# A photograph's values above count as burnt: of what was there, a JPEG keeps no more than traces.
NEAR_WHITE = 0.98
# An exposure clips what it brings above WHITEST, and what can no longer be told from black.
CRUSHED = 0.02
# `auto` newly clips at most this share of a picture's values at either end.
MOST_NEWLY_CLIPPED = 0.01
# How far below and above the range a picture's aim changes over, and the shares of clipped values between which a
# bright picture changes from one of snow to an over-exposed one.
BELOW, ABOVE = 0.1, 0.05
LEAST_BURNT, MOST_BURNT = 0.002, 0.015
# What is clipped in an over-exposed picture becomes this bright: a sky may be pale, but no grey wall.
BURNT_MEAN = 0.7
# Most of a night's pixels are black and some of them are lit: so many, and so bright, both as means over RGB. A picture
# that is only exposed too short has no lit ones. A wholly black night stays this much below the target.
BLACK, LIT = 0.05, 0.5
LEAST_BLACK, MOST_BLACK, ENOUGH_LIT = 0.6, 0.8, 0.005
NIGHT = 0.3
# Nothing is lifted by more: lifting clips nothing, but it bleaches what is bright.
MOST_LIFT = 1.0
# A picture that is a night by this much, of 1, is not lifted any more: its sky would turn grey and grainy.
MOST_LIFTED_NIGHT = 0.3


def expose(image: Any, ev: Any) -> Any:
    """Return a picture as if it had been exposed ``ev`` stops longer: 1 doubles the light.

    The response is ``(1 - exp(-light))^2``: a sensor that saturates slowly, shown with a gamma of 2. Of its kind, it is
    nearest to real exposure series (``sweeps/quality``). A gain ``g`` of the light makes ``(1 - (1 - sqrt(x))^g)^2`` of
    ``x``. So exposures add up, and one takes another back: ``expose(expose(x, a), b) = expose(x, a + b)``, until white
    is reached. No pixel changes places with a brighter one.

    Args:
        image: B x 3 x H x W, range [0, 1].
        ev: a number, or B x 1 x 1 x 1, range [-8, 8].

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    root = 1 - (1 - (image * WHITEST).clip(BLACKEST, WHITEST) ** 0.5) ** 2.0**ev
    return (root * root * (1 / WHITEST)).clip(0, 1)


def lift(image: Any, stops: Any) -> Any:
    """Return a picture with its shadows lifted: black by ``stops``, brighter values by less, and white by none.

    With ``g = 2^stops``, ``x`` becomes ``g x / (1 + (g - 1) x)``, where :data:`WHITEST` counts as 1: nothing below it
    rises above. The gain at black is ``g``. The method's own curve with one number for all pixels is much like it, in
    eight steps.

    Args:
        image: B x 3 x H x W, range [0, 1].
        stops: a number, or B x 1 x 1 x 1, at least 0.

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    gain, scaled = 2.0**stops, image * (1 / WHITEST)
    return (scaled * gain / (scaled * (gain - 1.0) + 1.0) * WHITEST).clip(0, 1)


def develop(image: Any, stops: Any) -> Any:
    """Expose pictures, and lift their shadows, as :func:`stops_for` says.

    Args:
        image: B x 3 x H x W, range [0, 1].
        stops: B x 2 x 1 x 1: for :func:`expose`, and for :func:`lift`.

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    return lift(expose(image, stops[:, :1]), stops[:, 1:])


def ev_to_reach(image: Any, target: Any, before: Any = None, most_newly_clipped: float = 1.0) -> Any:
    """Find the exposure that brings the mean of each picture to its target, by bisection.

    Args:
        image: B x 3 x H x W, range [0, 1].
        target: the mean, a number or B x 1 x 1 x 1, range [0, 1].
        before: with ``most_newly_clipped``, the picture before it was enhanced; what was clipped there may stay so.
        most_newly_clipped: the largest share of values, in [0, 1], that may rise above :data:`WHITEST`, and
            that may fall below :data:`CRUSHED`; where the target would need more, the picture stays darker or brighter.

    Returns:
        B x 1 x 1 x 1, range [-8, 8], for :func:`expose`. No gradient flows through the search. Where the target cannot
        be reached, as from a black picture, it is the nearest end of the range.
    """
    image = _sample(_detach(image))
    before = image if before is None else _sample(_detach(before))
    below_white, above_black = before <= WHITEST, before >= CRUSHED

    def is_too_bright(exposed: Any) -> Any:
        burnt = _mean(1.0 * ((exposed > WHITEST) & below_white))
        return (_mean(exposed) > target) | (burnt > most_newly_clipped)

    def is_not_crushed(exposed: Any) -> Any:
        return _mean(1.0 * ((exposed < CRUSHED) & above_black)) <= most_newly_clipped

    ev = _highest(expose, image, is_too_bright)
    if most_newly_clipped >= 1:
        return ev
    # What was found may lie on either side of the true exposure by so much, of which only one keeps to the share.
    margin = MOST_EV / 2**BISECTIONS
    least = _highest(expose, image, is_not_crushed) + margin
    return ev - margin + (least - ev + margin).clip(0)


def lift_to_reach(image: Any, target: Any) -> Any:
    """Find by how many stops lifting brings the mean of each picture up to its target, by bisection.

    Args:
        image: B x 3 x H x W, range [0, 1].
        target: the mean, a number or B x 1 x 1 x 1, range [0, 1].

    Returns:
        B x 1 x 1 x 1, range [0, 8], for :func:`lift`; 0 where the picture is as bright already.
    """
    image = _sample(_detach(image))
    stops = _highest(lift, image, lambda lifted: _mean(lifted) > target)
    return (stops - MOST_EV / 2**BISECTIONS).clip(0)


def _highest(response: Callable[[Any, Any], Any], image: Any, is_above: Callable[[Any], Any]) -> Any:
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
    few = _sample(image)
    mean = _mean(expose(few, ev))
    rise = _detach(_mean(expose(few, ev + NUDGE)) - _mean(expose(few, ev - NUDGE))) / (2 * NUDGE)
    return expose(image, ev + (_detach(mean) - mean) / rise.clip(LEAST_RISE))


def suited_target(image: Any) -> Any:
    """Return the mean that suits each picture.

    - A dark picture is brought to :data:`EXPOSED_MEAN`; a night, which is black with lights in it, stays darker.
    - One that is exposed well, with a mean between :data:`LEAST_WELL` and :data:`MOST_WELL`, keeps its mean.
    - A brighter one keeps its mean too, as of snow, unless much of it is clipped: then it is over-exposed, and what is
      not clipped is darkened to :data:`EXPOSED_MEAN`, and what is to :data:`BURNT_MEAN`.

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
    to_over = burnt * BURNT_MEAN + (1 - burnt) * EXPOSED_MEAN - mean
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


def stops_for(exposure: str | float, image: Any, enhanced: Any) -> Any:
    """Return by how many stops each enhanced picture is to be exposed, and then lifted, for ``exposure``.

    With ``auto``, the target is :func:`suited_target`, and exposing newly clips no more than
    :data:`MOST_NEWLY_CLIPPED`. Where it stops short of the target, as in a dark room whose window would turn white,
    lifting does the rest, by :data:`MOST_LIFT` at most; not at night, whose lights may stand in the dark. A number is
    reached by exposing alone, whatever it clips.

    Args:
        exposure: ``auto``, ``off``, or the mean to reach, see :func:`check_exposure`.
        image: B x 3 x H x W, range [0, 1].
        enhanced: the same pictures, as a network enhances them.

    Returns:
        B x 2 x 1 x 1, for :func:`develop`; 0 for ``off``.
    """
    stops = 0 * _detach(image)[:, :2, :1, :1]
    if exposure == "auto":
        # From the same pixels: a picture that is to keep its mean is not to change by what a grid leaves out.
        image, enhanced = _sample(_detach(image)), _sample(_detach(enhanced))
        target = suited_target(image)
        stops[:, :1] = ev_to_reach(enhanced, target, image, MOST_NEWLY_CLIPPED)
        exposed = expose(enhanced, stops[:, :1])
        mean = _mean(exposed)
        share = 1 - _rise(_night(image), 0, MOST_LIFTED_NIGHT)
        stops[:, 1:] = lift_to_reach(exposed, mean + share * (target - mean)).clip(0, MOST_LIFT)
    elif exposure != "off":
        stops[:, :1] = ev_to_reach(enhanced, exposure)
    return stops


def enhance_at(exposure: str | float, image: Any, curve_maps: Any) -> Any:
    """Return pictures enhanced by their curve maps, at ``exposure``, see :func:`stops_for`.

    Args:
        exposure: ``auto``, ``off``, or the mean to reach.
        image: B x 3 x H x W, range [0, 1].
        curve_maps: B x 3n x H x W, range [-1, 1], see :func:`zero_dce.curves.apply_curves`.

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    enhanced = apply_curves(image, curve_maps)
    return enhanced if exposure == "off" else develop(enhanced, stops_for(exposure, image, enhanced))


def _night(image: Any) -> Any:
    """Return the share of a night's picture that is black, 0 for other pictures."""
    grey = image.mean(axis=1, keepdims=True)
    black, lit = _mean(1.0 * (grey < BLACK)), _mean(1.0 * (grey > LIT))
    return black * _rise(black, LEAST_BLACK, MOST_BLACK) * _rise(lit, 0, ENOUGH_LIT)


def _rise(value: Any, start: float, end: float) -> Any:
    """Return 0 below the start, 1 above the end, and a share in between."""
    return ((value - start) / (end - start)).clip(0, 1)


def _detach(values: Any) -> Any:
    return values.detach() if hasattr(values, "detach") else values


def _sample(values: Any) -> Any:
    """Return a grid of pixels: their means are the picture's to a fraction of a percent."""
    down, across = (math.ceil(side / GRID) for side in values.shape[-2:])
    return values[..., down // 2 :: down, across // 2 :: across]


def _mean(values: Any) -> Any:
    return values.mean(axis=(1, 2, 3), keepdims=True)
