"""The exposure as users set it: ``auto``, ``off``, or a mean to reach."""

from __future__ import annotations

from typing import Any

from zero_dce.checks import check_number
from zero_dce.curves import apply_curves
from zero_dce.exposure.dodging import (
    SHADOWS,
    Around,
    dodge_to_reach,
    enlarge,
    expose_locally,
    local_stops,
    shrink,
)
from zero_dce.exposure.response import expose
from zero_dce.exposure.search import detach, ev_of_sample, ev_to_reach, mean_of, sample_of
from zero_dce.exposure.suited import night_share, ramp, suited_target

# Exposing newly clips at most this share of a picture's values at either end, with `auto`.
MOST_NEWLY_CLIPPED = 0.01
# A picture that is a night by this much, of 1, is not dodged any more: its sky would turn grey and grainy.
MOST_DODGED_NIGHT = 0.3


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
    """Return by how many stops each enhanced picture is to be exposed, and by how many more its dark places.

    With ``auto``, the target is :func:`~zero_dce.exposure.suited.suited_target`, and exposing newly clips no more than
    :data:`MOST_NEWLY_CLIPPED`. Where it stops short of the target, as in a dark room whose window would turn white, or
    leaves a quarter of the picture darker than :data:`~zero_dce.exposure.dodging.SHADOWS`, as ground before a bright
    sky, dodging does the rest; not at night, whose lights may stand in the dark. A number is reached by exposing alone,
    whatever it clips.

    Args:
        exposure: ``auto``, ``off``, or the mean to reach, see :func:`check_exposure`.
        image: B x 3 x H x W, range [0, 1].
        enhanced: the same pictures, as a network enhances them.

    Returns:
        B x 2 x 1 x 1, for :func:`develop`; 0 for ``off``.
    """
    stops = 0 * detach(image)[:, :2, :1, :1]
    if exposure == "auto":
        image, enhanced = detach(image), detach(enhanced)
        # From the same pixels: a picture that is to keep its mean is not to change by what a grid leaves out.
        stops[:, :1], stops[:, 1:] = auto_stops(sample_of(image), sample_of(enhanced), shrink(enhanced))
    elif exposure != "off":
        stops[:, :1] = ev_to_reach(enhanced, exposure)
    return stops


def auto_stops(few: Any, enhanced_few: Any, small: Any, around: Around | None = None) -> tuple[Any, Any]:
    """Return the two numbers of :func:`stops_for` with ``auto``.

    Args:
        few: B x 3 x h x w, range [0, 1]: the pictures at a grid of pixels,
            see :func:`zero_dce.exposure.search.sample_of`.
        enhanced_few: the enhanced pictures, at the same.
        small: the enhanced pictures' small copies, see :func:`zero_dce.exposure.dodging.shrink`.
        around: see :func:`zero_dce.exposure.dodging.cell_stops`.

    Returns:
        B x 1 x 1 x 1 each.
    """
    target, day = suited_target(few), 1 - ramp(night_share(few), 0, MOST_DODGED_NIGHT)
    ev = ev_of_sample(enhanced_few, target, few, MOST_NEWLY_CLIPPED)
    missing = target - mean_of(expose(enhanced_few, ev))
    return ev, dodge_to_reach(small, ev, day * missing, day * SHADOWS, around)


def develop(enhanced: Any, stops: Any) -> Any:
    """Expose whole pictures, and dodge them, as :func:`stops_for` says.

    Args:
        enhanced: B x 3 x H x W, range [0, 1].
        stops: B x 2 x 1 x 1.

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    height, width = enhanced.shape[2:]
    return expose_locally(enhanced, enlarge(local_stops(enhanced, stops), (0, 0, width, height), (width, height)))


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
