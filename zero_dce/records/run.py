"""A run's folder: the names of its files, what state it is in, and how it is continued.

Nothing here needs pixels, weights or Lightning.
"""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path
from typing import Any

from zero_dce.files import read_json

ENVIRONMENT = "environment.json"
RESULT = "result.json"
MANIFEST = "split.json"
METRICS = "metrics.csv"
HYDRA = ".hydra"
# Beside .hydra, the configuration of a resumed part until it has begun.
RESUMED = ".hydra_resumed"
CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"
SAMPLES = "samples"
# Beside the runs that were logged to W&B.
WANDB = "wandb"
# The PNG text that holds a sample picture's caption, by the specification's name.
CAPTION = "Description"
Rows = dict[int, dict[str, float]]


def has_checkpoint(run: Path) -> bool:
    """Tell whether there is a checkpoint that the run can be continued from."""
    return (run / CHECKPOINTS / LAST).is_file()


def last_checkpoint(run: Path) -> Path:
    """Return the checkpoint that a run continues from.

    Raises:
        FileNotFoundError: if the run has none; a resumed run never starts from step 0 in silence.
    """
    file = run / CHECKPOINTS / LAST
    if not has_checkpoint(run):
        raise FileNotFoundError(
            f"{file} does not exist: nothing to resume. Give the folder of one run, that holds {CHECKPOINTS}/{LAST}, "
            "or of a sweep, that holds sweep.json"
        )
    return file


def step_name(step: int) -> str:
    """Return how files and folders of a step are called: ``step-000300``."""
    return f"step-{step:06d}"


def checkpoint_file(run: Path, step: int) -> Path:
    """Return where a run's folder holds the checkpoint of a step."""
    return run / CHECKPOINTS / f"{step_name(step)}.ckpt"


def saved_checkpoints(run: Path) -> dict[int, Path]:
    """Return a run's checkpoints by their steps, from the first to the last."""
    files = {file.stem.removeprefix("step-"): file for file in (run / CHECKPOINTS).glob("step-*.ckpt")}
    return {int(step): files[step] for step in sorted(filter(str.isdecimal, files), key=int)}


def pictures_folder(run: Path, step: int) -> Path:
    """Return where a run's folder holds the pictures of a step."""
    return run / SAMPLES / step_name(step)


def saved_steps(run: Path) -> list[int]:
    """Return the steps whose pictures a run's folder holds."""
    return sorted(int(folder.name.removeprefix("step-")) for folder in (run / SAMPLES).glob("step-*"))


def read_rows(run: Path) -> Rows:
    """Read a run's ``metrics.csv``: from step to its values by name; nothing where there is no file."""
    file = run / METRICS
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {int(row.pop("step")): {name: float(value) for name, value in row.items() if value} for row in rows}


def last_values(metrics: Rows) -> dict[str, float]:
    """Return the last value of each loss and measure."""
    values: dict[str, float] = {}
    for step in sorted(metrics):
        values |= {name: value for name, value in metrics[step].items() if name.startswith(("val/", "train/"))}
    return values


def read_result(run: Path) -> dict[str, Any] | None:
    """Return a run's ``result.json``; ``None`` where it has none."""
    result: dict[str, Any] | None = read_json(run / RESULT)
    return result


def result_time(run: Path) -> int | None:
    """Return when a run's result was written, by its file system; ``None`` where there is none."""
    try:
        return (run / RESULT).stat().st_mtime_ns
    except FileNotFoundError:
        return None


def run_state(run: Path) -> str:
    """Return what became of a run: ``finished``, ``failed``, ``interrupted``, ``unfinished`` or ``not started``."""
    result = read_result(run)
    if result is not None:
        return str(result["state"])
    return "unfinished" if run.is_dir() else "not started"


def resume_command(run: Path, steps: int | None = None) -> str:
    """Return the command that trains a run on, to its end or to ``steps``, quoted for the shell and for Hydra."""
    resume = path_override("resume", run)
    return f"python -m zero_dce.train {resume}" + ("" if steps is None else f" trainer.max_steps={steps}")


def path_override(key: str, path: Path) -> str:
    """Return ``key=path``, quoted for the shell and for Hydra where the path needs it."""
    return f"{key}={path}" if re.fullmatch(r"[\w./:\\-]+", str(path)) else shlex.quote(f'{key}="{path}"')


def sync_command(folder: Path) -> str | None:
    """Return the command that sends the offline W&B runs below a folder; ``None`` where there are none."""
    if not any((folder / WANDB).glob("offline-run-*")):
        return None
    return f"python -m wandb sync {shlex.quote(str(folder / WANDB))}/offline-run-*"
