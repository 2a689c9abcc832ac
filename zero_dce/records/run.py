"""A run's folder: the names of its files, what state it is in, and how it is continued.

Nothing here needs pixels, weights or Lightning.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zero_dce.checks import Shape
from zero_dce.files import read_object

ENVIRONMENT = "environment.json"
RESULT = "result.json"
MANIFEST = "split.json"
METRICS = "metrics.csv"
HYDRA = ".hydra"
# A resumed part of a run keeps its configuration here until it has begun; then it replaces the one in .hydra.
RESUMED = ".hydra_resumed"
CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"
SAMPLES = "samples"
# Says, in the folder of a picked checkpoint, where that came from.
ORIGIN_FILE = "origin.json"
# W&B's own folder, beside the runs that are logged to it.
WANDB = "wandb"
# The key of the PNG text chunk that holds a sample picture's caption; the PNG specification defines it.
CAPTION = "Description"
# No training takes so many steps.
MOST_STEPS = 2**53
Rows = dict[int, dict[str, float]]
# What every result.json says, and what searches and tables read in it besides.
STATE: Shape = {"state": str, "error?": (str, None), "wall_time_s?": float, "washout?": ({"from_step": float}, None)}
JUDGED: Shape = {**STATE, "measures": {str: (float, None)}}
OUTCOME: Shape = {
    **JUDGED,
    "last_step": (int, None),
    "weights": ({str: (float, None)}, None),
    "training_began?": (float, None),
    "training_ended?": (float, None),
    "peak_memory_mb?": ({str: (float, None)}, None),
}
# What environment.json says, and each later part of a resumed run again.
BUILT_WITH: Shape = {"versions": {str: (str, None)}, "commit?": (str, None)}
SURROUNDINGS: Shape = {**BUILT_WITH, "data_fingerprint": str, "started_from?": (str, None), "resumed?": [BUILT_WITH]}


def has_checkpoint(run: Path) -> bool:
    """Return whether the run has a checkpoint to continue from."""
    return (run / CHECKPOINTS / LAST).is_file()


def last_checkpoint(run: Path) -> Path:
    """Return the checkpoint that a run continues from: ``last.ckpt``, whose step is logged completely.

    Raises:
        FileNotFoundError: if the run has none: a resumed run never silently starts from step 0, or lacks rows of
            ``metrics.csv``, as one could that continues from a ``step-*.ckpt``.
    """
    last = run / CHECKPOINTS / LAST
    if has_checkpoint(run):
        return last
    newest = max(saved_checkpoints(run).items(), default=(0, None))[1]
    if newest is not None:
        raise FileNotFoundError(
            f"{run} was stopped before it had {CHECKPOINTS}/{LAST}: {METRICS} may lack what was measured up to "
            f"{newest.name}. Start the run anew; or copy {newest} to {LAST} beside it to go on without these rows"
        )
    raise FileNotFoundError(
        f"{last.parent} holds no checkpoint ({LAST}): nothing to resume. Give the folder of one run, that holds "
        f"{CHECKPOINTS}/{LAST}, or of a sweep, that holds sweep.json"
    )


def step_name(step: int) -> str:
    """Return the name of a step's files and folders: ``step-000300``."""
    return f"step-{step:06d}"


def checkpoint_file(run: Path, step: int) -> Path:
    """Return the path of a step's checkpoint in a run's folder."""
    return run / CHECKPOINTS / f"{step_name(step)}.ckpt"


def saved_checkpoints(run: Path) -> dict[int, Path]:
    """Return a run's checkpoints by step, in rising order."""
    files = {}
    for file in (run / CHECKPOINTS).glob("step-*.ckpt"):
        step = file.stem.removeprefix("step-")
        if step.isdecimal() and file.is_file():
            files[int(step)] = file
    return dict(sorted(files.items()))


def pictures_folder(run: Path, step: int) -> Path:
    """Return the folder of a step's sample pictures in a run's folder."""
    return run / SAMPLES / step_name(step)


def saved_steps(run: Path) -> list[int]:
    """Return the steps that a run's folder holds sample pictures of."""
    steps = [folder.name.removeprefix("step-") for folder in (run / SAMPLES).glob("step-*")]
    return sorted(int(step) for step in steps if step.isdecimal())


def read_rows(run: Path) -> Rows:
    """Read a run's ``metrics.csv``: the values of each step by name; empty if there is no file.

    Raises:
        ValueError: if it holds something else; the message names the file.
    """
    file = run / METRICS
    if not file.is_file():
        return {}
    with file.open("rb") as stream:
        return parse_rows(file, stream)


def parse_rows(file: Path, lines: Iterable[bytes]) -> Rows:
    """Return what lines of a run's ``metrics.csv`` say, the first of which names the columns; ``file`` is its name.

    Raises:
        ValueError: if they hold something else; the message names the file.
    """
    metrics = {}
    try:
        table = csv.DictReader(line.decode("utf-8") for line in lines)
        if "step" not in (table.fieldnames or ()):
            raise ValueError("it has no column step")
        for row in table:
            step = int(row.pop("step"))
            if not 0 <= step < MOST_STEPS:
                raise ValueError(f"it has a step {step}")
            metrics[step] = {name: float(value) for name, value in row.items() if value}
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise ValueError(
            f"{file} is not the table of a run ({type(error).__name__}: {error}); expected a CSV file with a column "
            "step and columns of numbers: restore it, or take it away"
        ) from error
    return metrics


def last_values(metrics: Rows) -> dict[str, float]:
    """Return the last value of each loss and measure."""
    values: dict[str, float] = {}
    for step in sorted(metrics):
        values |= {name: value for name, value in metrics[step].items() if name.startswith(("val/", "train/"))}
    return values


def read_result(run: Path, needed: Shape = STATE) -> dict[str, Any] | None:
    """Return a run's ``result.json``, of the shape ``needed``; ``None`` if there is none.

    Raises:
        ValueError: if it holds something else; the message names the file.
    """
    return read_object(run / RESULT, needed)


def read_environment(run: Path) -> dict[str, Any] | None:
    """Return a run's ``environment.json``; ``None`` if it has none.

    Raises:
        ValueError: if it holds something else; the message names the file.
    """
    return read_object(run / ENVIRONMENT, SURROUNDINGS)


def result_time(run: Path) -> int | None:
    """Return when a run's result was written, in nanoseconds by its file system's clock; ``None`` if it has none."""
    try:
        return (run / RESULT).stat().st_mtime_ns
    except FileNotFoundError:
        return None


def run_state(run: Path) -> str:
    """Return the state of a run: ``finished``, ``failed``, ``interrupted``, ``unfinished`` or ``not started``."""
    result = read_result(run)
    if result is not None:
        return str(result["state"])
    return "unfinished" if run.is_dir() else "not started"


def path_override(key: str, path: Path) -> str:
    """Return ``key=path``, quoted for the shell and for Hydra if the path needs it."""
    if re.fullmatch(r"[\w./:\\-]+", str(path), re.ASCII):
        return f"{key}={path}"
    return shlex.quote(f'{key}="{path}"')


def sync_command(folder: Path) -> str | None:
    """Return the command that uploads the offline W&B runs below a folder; ``None`` if there are none."""
    if not any((folder / WANDB).glob("offline-run-*")):
        return None
    return f"python -m wandb sync {shlex.quote(str(folder / WANDB))}/offline-run-*"
