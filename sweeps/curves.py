"""Draw a run over its steps, as the report's Figure 2 does.

    python sweeps/curves.py RUN_DIR PICTURE.png [--released SWEEP_DIR]

The total, the four unweighted losses and the picture's measures, with published checkpoints as horizontal lines where
their sweep (trainer.max_steps=0) is given: --released SWEEP_DIR. The validation rows are printed as a table too.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from zero_dce.records.sweep import read_sweep

PANELS = (
    ("total", "total loss"),
    ("spa", "spatial consistency"),
    ("exp", "exposure control"),
    ("col", "colour constancy"),
    ("tv", "illumination smoothness"),
    ("saturation_ratio", "saturation, output / input"),
    ("brightness_out", "brightness of the output"),
    ("psnr", "PSNR of dark frames, dB"),
)
# Training rows are single batches: shown as the mean over this many.
WINDOW = 25


def series(rows: list[dict[str, str]], name: str) -> tuple[list[int], list[float]]:
    """Return steps and values of a column, where it has any."""
    pairs = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
    return [step for step, _ in pairs], [value for _, value in pairs]


def smooth(values: list[float]) -> list[float]:
    """Return the mean over the last ``WINDOW`` values at each place."""
    parts = [values[max(0, end - WINDOW) : end] for end in range(1, len(values) + 1)]
    return [sum(part) / len(part) for part in parts]


def draw(axis: Axes, rows: list[dict[str, str]], name: str, released: dict[str, dict[str, float]]) -> None:
    """Draw one measure: training batches, validation, published checkpoints."""
    steps, values = series(rows, f"train/{name}")
    axis.plot(steps, smooth(values), color="tab:blue", alpha=0.5, linewidth=1, label="training")
    axis.plot(*series(rows, f"val/{name}"), color="black", marker=".", label="validation")
    for (label, measures), style in zip(released.items(), ("--", ":"), strict=False):
        axis.axhline(measures[f"val/{name}"], color="tab:red", linestyle=style, linewidth=1, label=label)
    axis.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4))


def print_rows(rows: list[dict[str, str]], released: dict[str, dict[str, float]]) -> None:
    """Print what was measured on the validation side as a Markdown table."""
    names = [name for name, _ in PANELS]
    print(f"| step | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}")
    measured = {
        row["step"]: {f"val/{name}": float(row[f"val/{name}"]) for name in names} for row in rows if row["val/exp"]
    }
    for label, values in {**measured, **released}.items():
        print(f"| {label} | {' | '.join(format(values[f'val/{name}'], '.3g') for name in names)} |")


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--released", type=Path)
    arguments = parser.parse_args()
    with (arguments.run / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    points = read_sweep(arguments.released) if arguments.released else []
    released = {Path(row["point"].partition("=")[2]).stem: row["measures"] for row in points}
    figure, axes = plt.subplots(2, 4, figsize=(16, 7), layout="constrained")
    for axis, (name, title) in zip(axes.flat, PANELS, strict=True):
        draw(axis, rows, name, released)
        axis.set(title=title, xlabel="step")
    axes.flat[0].legend()
    figure.savefig(arguments.picture, dpi=80)
    print_rows(rows, released)


if __name__ == "__main__":
    main()
