"""What a run's result means for the search it is a trial of. It needs no Optuna or PyTorch: every report asks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TrialOutcome:
    """The outcome of a trial: ``values``, one per objective, or the reason why there are none."""

    values: list[float] | None = None
    faded: bool = False
    reason: str = ""


def judge(result: Mapping[str, Any] | None, objectives: Mapping[str, str]) -> TrialOutcome:
    """Return a run's outcome; it has values only if the run finished, did not fade, and has a value per objective.

    ``result`` is the run's ``result.json``, or its row of :func:`zero_dce.records.sweep.read_sweep`.
    """
    if result is None:
        return TrialOutcome(reason="it left no result.json")
    if result["state"] != "finished":
        return TrialOutcome(reason=f"it {result['state']}")
    if result.get("washout"):
        return TrialOutcome(faded=True, reason=f"its pictures fade from step {result['washout']['from_step']:.0f} on")
    values = {name: result["measures"].get(name) for name in objectives}
    lacking = [name for name, value in values.items() if value is None or not math.isfinite(value)]
    if lacking:
        return TrialOutcome(
            reason=f"it has no value for {', '.join(lacking)}. Measures need validation pictures (data.val_fraction), "
            "those against references need these too, and brightened_by a picture above the exposure target"
        )
    return TrialOutcome(values=list(values.values()))
