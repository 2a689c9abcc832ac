"""What a sweep's folder says of its runs: the plan, the names that swept values give them, what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from zero_dce.files import read_json
from zero_dce.records.run import HYDRA, read_result, run_state

PLAN = "sweep.json"
Row = dict[str, Any]


def read_sweep(folder: Path) -> list[Row]:
    """Return a row for each run of the plan, also for those that failed, were killed or never began.

    A row has ``run`` (its number), ``point`` (its swept values), ``state``, ``error``, ``step``, ``weights``,
    ``measures``, ``memory`` (its peak), ``washout`` (the alarm's mark), and ``began`` and ``ended`` (training, in
    seconds since 1970); what is not known is ``None`` or empty.

    Raises:
        FileNotFoundError: if the folder is not a sweep's.
    """
    plan = read_json(folder / PLAN)
    if plan is None:
        raise FileNotFoundError(f"{folder / PLAN} does not exist: {folder} is not the folder of a sweep")
    return [_read_run(folder / str(number), job, plan["swept"]) for number, job in enumerate(plan["jobs"])]


def point_name(overrides: Sequence[str], swept: Sequence[str]) -> str:
    """Name a run by its swept values: ``exp=10 tv=200``."""
    return " ".join(f"{name}={value}" for name, value in point_values(overrides, swept).items())


def point_values(overrides: Sequence[str], swept: Sequence[str]) -> dict[str, Any]:
    """Return a run's swept values by the short names of their keys."""
    values: dict[str, Any] = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key, value = str(override.key_or_group), override.value()
        if key in swept:
            # The last part says enough, but data.split.seed is not the seed that the table groups.
            short = key if key.endswith(".seed") else key.rpartition(".")[2]
            values |= value if isinstance(value, dict) else {key if short in values else short: value}
    return values


def run_name(run: Path) -> str:
    """Name a run of a sweep by its swept values, any other by its folder's time."""
    plan = read_json(run.parent / PLAN)
    return (plan and point_name(run_overrides(run) or [], plan["swept"])) or run.parent.name


def run_overrides(run: Path) -> list[str] | None:
    """Return what a run was really started with; ``None`` where it never was."""
    file = run / HYDRA / "overrides.yaml"
    return [str(override) for override in OmegaConf.load(file)] if file.is_file() else None


def _read_run(run: Path, job: Sequence[str], swept: Sequence[str]) -> Row:
    result = read_result(run)
    if result is None:
        result = {"state": run_state(run), "last_step": None, "measures": {}, "weights": None}
    return {
        "run": int(run.name),
        "point": point_name(run_overrides(run) or job, swept),
        "state": result["state"],
        "error": result.get("error"),
        "step": result["last_step"],
        "began": result.get("training_began"),
        "ended": result.get("training_ended"),
        "weights": result["weights"],
        "memory": result.get("peak_memory_mb"),
        "measures": result["measures"],
        "washout": result.get("washout"),
    }
