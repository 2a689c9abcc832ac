"""What a run leaves in its folder, as names and text tell it: no pixels, no weights, no Lightning."""

from __future__ import annotations

import csv
from pathlib import Path

# The PNG text that holds a sample picture's caption, by the specification's name.
CAPTION = "Description"
Rows = dict[int, dict[str, float]]


def pictures_folder(run: Path, step: int) -> Path:
    """Return where a run's folder holds the pictures of a step."""
    return run / "samples" / f"step-{step:06d}"


def saved_steps(run: Path) -> list[int]:
    """Return the steps whose pictures a run's folder holds."""
    return sorted(int(folder.name.removeprefix("step-")) for folder in (run / "samples").glob("step-*"))


def saved_checkpoints(run: Path) -> dict[int, Path]:
    """Return a run's checkpoints by their steps, from the first to the last."""
    files = {file.stem.removeprefix("step-"): file for file in (run / "checkpoints").glob("step-*.ckpt")}
    return {int(step): files[step] for step in sorted(filter(str.isdecimal, files), key=int)}


def read_rows(file: Path) -> Rows:
    """Read ``metrics.csv``: from step to its values by name; nothing where there is no file."""
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
