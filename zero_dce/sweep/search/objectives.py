"""The objectives that a search can go by."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from zero_dce.losses import CompositeLoss
from zero_dce.metrics.means import CHANGES, COMPARISONS, MEASURE_NAMES
from zero_dce.metrics.pareto import SIGNS

# A run's measures at its last validation that a search can go by. The total and the shares are left out: under other
# weights they are on another scale, and a search would find the smallest weights.
SEARCHABLE = (
    *CompositeLoss.NAMES,
    *(name for name in MEASURE_NAMES if not name.startswith("saturation_")),
    "saturation_ratio",
    *CHANGES,
    *COMPARISONS,
    "psnr",
    "psnr_gain",
    "psnr_improved",
)
NAMES = tuple(f"val/{name}" for name in SEARCHABLE)


def check_objectives(objectives: Mapping[str, str | None] | None) -> dict[str, str]:
    """Return the objectives of a search: those that were not taken out again with ``null``.

    Raises:
        ValueError: if none is left, or a name or direction is unknown.
    """
    kept = {name: direction for name, direction in (objectives or {}).items() if direction is not None}
    if not kept:
        raise ValueError(
            "hydra.sweeper.objectives is empty; expected measures with maximize or minimize: "
            "'++hydra.sweeper.objectives={val/entropy_out:maximize,val/loe:minimize}'"
        )
    for name, direction in kept.items():
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, n=1)
            hint = f"Did you mean {near[0]}? " if near else ""
            if name.startswith(("val/total", "val/share")):
                hint = "Totals and shares under other weights cannot be compared. "
            raise ValueError(
                f"hydra.sweeper.objectives names {name!r}, which no search can go by. {hint}Expected one of "
                f"{', '.join(NAMES)}"
            )
        if direction not in SIGNS:
            raise ValueError(
                f"hydra.sweeper.objectives has {name}: {direction!r}; expected {' or '.join(SIGNS)}, or null to "
                "take it out"
            )
    return kept
