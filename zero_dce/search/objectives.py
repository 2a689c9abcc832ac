"""The objectives of a search, and what a run's ``result.json`` says of them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zero_dce.losses import CompositeLoss
from zero_dce.metrics import CHANGES, COMPARISONS, MEASURE_NAMES
from zero_dce.pareto import SIGNS

# A run's measures at its last validation, but for the total and the shares: under other weights these are on another
# scale, and a search would find the smallest weights.
MEASURES = (
    *CompositeLoss.NAMES,
    *(name for name in MEASURE_NAMES if not name.startswith("saturation_")),
    "saturation_ratio",
    *CHANGES,
    *COMPARISONS,
    "psnr",
    "psnr_gain",
    "psnr_improved",
)
NAMES = tuple(f"val/{name}" for name in MEASURES)


@dataclass(frozen=True)
class Outcome:
    """What a run means for the search: ``values``, one an objective, or why there are none."""

    values: list[float] | None = None
    faded: bool = False
    reason: str = ""


def check_objectives(objectives: Mapping[str, str | None] | None) -> dict[str, str]:
    """Return the objectives that count: those that were not taken out again with ``null``.

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


def judge(result: Mapping[str, Any] | None, objectives: Mapping[str, str]) -> Outcome:
    """Tell what a run's ``result.json`` means: values only of a finished run that did not fade and has them all."""
    if result is None:
        return Outcome(reason="it left no result.json")
    if result["state"] != "finished":
        return Outcome(reason=f"it {result['state']}")
    if result.get("washout"):
        return Outcome(faded=True, reason=f"its pictures fade from step {result['washout']['from_step']:.0f} on")
    values = {name: result["measures"].get(name) for name in objectives}
    lacking = [name for name, value in values.items() if value is None or math.isnan(value)]
    if lacking:
        return Outcome(
            reason=f"it has no value for {', '.join(lacking)}. Measures need validation pictures (data.val_fraction), "
            "those against references need these too, and brightened_by a picture above the exposure target"
        )
    return Outcome(values=list(values.values()))
