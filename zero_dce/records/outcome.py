"""What a run means for its search. Without Optuna and PyTorch, since every report asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a run means for the search: ``values``, one an objective, or why there are none."""

    values: list[float] | None = None
    faded: bool = False
    reason: str = ""


def judge(result: Mapping[str, Any] | None, objectives: Mapping[str, str]) -> Outcome:
    """Tell what a run means for its search: values only of a finished one that did not fade and has them all.

    Args:
        result: its ``result.json``, or its row of :func:`zero_dce.records.sweep.read_sweep`.
        objectives: measures with ``maximize`` or ``minimize``.
    """
    if result is None:
        return Outcome(reason="it left no result.json")
    if result["state"] != "finished":
        return Outcome(reason=f"it {result['state']}")
    if result.get("washout"):
        return Outcome(faded=True, reason=f"its pictures fade from step {result['washout']['from_step']:.0f} on")
    values = {name: result["measures"].get(name) for name in objectives}
    lacking = [name for name, value in values.items() if value is None or not math.isfinite(value)]
    if lacking:
        return Outcome(
            reason=f"it has no value for {', '.join(lacking)}. Measures need validation pictures (data.val_fraction), "
            "those against references need these too, and brightened_by a picture above the exposure target"
        )
    return Outcome(values=list(values.values()))
