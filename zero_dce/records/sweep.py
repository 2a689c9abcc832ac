"""What a sweep's folder says about its runs: the plan, the names that swept values give them, what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import ListConfig, OmegaConf

from zero_dce.checks import Shape
from zero_dce.files import read_object, stays_inside
from zero_dce.records.configuration import parse_stored, read_yaml
from zero_dce.records.run import HYDRA, OUTCOME, read_result, run_state

# What lies in a sweep's folder besides its runs.
PLAN = "sweep.json"
SWEEP_TABLE = "sweep.csv"
CONTACT_SHEET = "contact_sheet.png"
# The folder of the checkpoint that was picked, unless it was named otherwise.
PICKED = "picked"
# The id of each run's SLURM job, by the run's number.
SLURM_JOBS = "slurm_jobs.json"
# The study of a search, and the locks of its workers.
SEARCH_FOLDER = "optuna"
# A plan that names more runs was not written by a sweep.
MOST_RUNS = 100_000
RunRow = dict[str, Any]
# What every plan says, and what a sweep is continued by besides.
POINTS: Shape = {
    "jobs": [[str]],
    "swept": [str],
    "folders?": {str: str},
    "objectives?": {str: str},
    "flags?": [str],
    "data?": str,
    "search?": {"space": dict, "fixed": dict, "study_name": str, "storage": (str, None)},
}
STARTED: Shape = {**POINTS, "overrides": [str], "hydra": [str]}


def read_plan(folder: Path, needed: Shape = POINTS) -> dict[str, Any]:
    """Return the plan of a sweep: ``jobs`` (the overrides of each run), ``swept``, and how it was started.

    ``swept`` is what runs are named by: keys, and ``key=value`` where another value of the key names no run.

    Raises:
        FileNotFoundError: if the folder is not a sweep's.
        ValueError: if the plan is not of the shape ``needed``, or puts a run outside of the folder; the message names
            the file.
    """
    plan = read_object(folder / PLAN, needed)
    if plan is None:
        raise FileNotFoundError(f"{folder / PLAN} does not exist: {folder} is not the folder of a sweep")
    _check_plan(folder / PLAN, plan)
    return plan


def _check_plan(file: Path, plan: Mapping[str, Any]) -> None:
    outside = [name for name in plan.get("folders", {}).values() if not stays_inside(name)]
    if outside:
        raise ValueError(f"{file} puts a run into {outside[0]!r}; expected a folder below the sweep's: restore it")
    if len(plan["jobs"]) > MOST_RUNS:
        raise ValueError(f"{file} has {len(plan['jobs'])} runs; expected at most {MOST_RUNS}: restore it")


def read_sweep(folder: Path) -> list[RunRow]:
    """Return a row for each run of the plan, also for those that failed, were killed or never began.

    A row has ``run`` (its number), ``folder`` (relative to the sweep's), ``point`` (its swept values), ``state``,
    ``error``, ``step``, ``weights``, ``measures``, ``memory`` (its peak), ``washout`` (the alarm's mark), and ``began``
    and ``ended`` (training, in seconds since 1970); what is not known is ``None`` or empty.

    Raises:
        FileNotFoundError: if the folder is not a sweep's.
        ValueError: if a file holds something else than is written to it; the message names the file.
    """
    plan = read_plan(folder)
    return [read_row(folder, plan, number) for number in range(len(plan["jobs"]))]


def read_row(sweep: Path, plan: Mapping[str, Any], number: int) -> RunRow:
    """Return the row of one run of a plan, as :func:`read_sweep` does for all.

    Raises:
        ValueError: if a file holds something else than is written to it; the message names the file.
    """
    run = run_folder(sweep, plan, number)
    point = point_name(run_overrides(run) or plan["jobs"][number], plan["swept"])
    return _describe(run, number, run.relative_to(sweep).as_posix(), point)


def read_single(run: Path) -> RunRow:
    """Return the row of a run that belongs to no sweep, as those of :func:`read_sweep`: its number is 0.

    Raises:
        ValueError: if a file holds something else than is written to it; the message names the file.
    """
    return _describe(run, 0, ".", run_name(run))


def run_folder(sweep: Path, plan: Mapping[str, Any], number: int) -> Path:
    """Return the folder of a run: its number, unless ``hydra.sweep.subdir`` names the sweep's runs otherwise."""
    return sweep / str(plan.get("folders", {}).get(str(number), number))


def sweep_folder(run: Path) -> Path | None:
    """Return the folder of the sweep that a run belongs to; ``None`` for a single run."""
    for folder in run.parents:
        if (folder / PLAN).is_file():
            of_the_sweep = run.relative_to(folder).as_posix() in read_plan(folder).get("folders", {}).values()
            return folder if of_the_sweep or folder == run.parent else None
    return None


def runs_folder(run: Path) -> Path:
    """Return the folder that holds a run and others beside it: its sweep's, or the one that it is in."""
    return sweep_folder(run) or run.parent


def point_name(overrides: Sequence[str], swept: Sequence[str]) -> str:
    """Name a run by its swept values: ``exp=10 tv=200``; ``swept`` is that of :func:`read_plan`."""
    return " ".join(f"{name}={value}" for name, value in point_values(overrides, swept).items())


def point_values(overrides: Sequence[str], swept: Sequence[str]) -> dict[str, Any]:
    """Return a run's swept values by the short names of their keys."""
    values: dict[str, Any] = {}
    for override in parse_stored(overrides):
        key, value = str(override.key_or_group), override.value()
        if key not in swept and override.input_line not in swept:
            continue
        if isinstance(value, dict):
            values |= value
            continue
        # The last part is enough, except for data.split.seed, which is not the seed that the table groups by.
        short = key if key.endswith(".seed") else key.rpartition(".")[2]
        values[key if short in values else short] = value
    return values


def run_name(run: Path) -> str:
    """Name a run of a sweep by its swept values, any other by the time in its folder's path."""
    sweep = sweep_folder(run)
    if sweep is None:
        return run.parent.name
    return point_name(run_overrides(run) or [], read_plan(sweep)["swept"]) or sweep.name


def run_overrides(run: Path) -> list[str] | None:
    """Return the overrides that a run was started with; ``None`` if it never was.

    Raises:
        ValueError: if their file holds something else; the message names it.
    """
    file = run / HYDRA / "overrides.yaml"
    if not file.is_file():
        return None
    # What stands in them is resolved by Hydra, in a configuration, and means nothing here.
    overrides: Any = OmegaConf.to_container(read_yaml(file, ListConfig), resolve=False)
    return [str(override) for override in overrides]


def _describe(run: Path, number: int, folder: str, point: str) -> RunRow:
    result = read_result(run, OUTCOME)
    if result is None:
        result = {"state": run_state(run), "last_step": None, "measures": {}, "weights": None}
    return {
        "run": number,
        "folder": folder,
        "point": point,
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
