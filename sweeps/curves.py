"""Draw a run over its steps, as the report's Figure 2 does.

    python sweeps/curves.py RUN_DIR PICTURE.png [--released SWEEP_DIR]

The total, the four unweighted losses and the picture's measures, with published checkpoints as horizontal lines where
their sweep (trainer.max_steps=0) is given: --released SWEEP_DIR. The validation rows are printed as a table too.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from zero_dce.records.run import METRICS, Rows, read_rows
from zero_dce.records.sweep import read_sweep
from zero_dce.terminal import errors_as_messages

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
# Training rows are single batches: shown as the mean over this share of the run.
WINDOW = 1 / 40
# What a row of the table is called, and the values in it; None is what a run could not measure.
Row = tuple[str, Mapping[str, float | None]]


def read_run(run: Path) -> Rows:
    """Return the values of a run by step.

    Raises:
        FileNotFoundError: if the folder is not a run's, or nothing was logged there yet.
        ValueError: if its table holds something else; the message names the file.
    """
    rows = read_rows(run)
    if not rows:
        raise FileNotFoundError(
            f"{run / METRICS} does not exist or is empty; expected the folder of a run, as runs/train/<date and time>/0"
        )
    return rows


def read_released(sweep: Path) -> list[Row]:
    """Return the measures of a sweep over checkpoints, with the names of their files."""
    return [(Path(row["point"].partition("=")[2]).stem, row["measures"]) for row in read_sweep(sweep)]


def series(rows: Rows, name: str) -> tuple[list[int], list[float]]:
    """Return steps and values of a column, where it has any."""
    steps = [step for step in sorted(rows) if name in rows[step]]
    return steps, [rows[step][name] for step in steps]


def smooth(values: list[float]) -> list[float]:
    """Return the mean over the last values at each place, which are ``WINDOW`` of all."""
    count = max(1, round(WINDOW * len(values)))
    parts = [values[max(0, end - count) : end] for end in range(1, len(values) + 1)]
    return [sum(part) / len(part) for part in parts]


def draw(axis: Axes, rows: Rows, name: str, released: Sequence[Row]) -> None:
    """Draw one measure: training batches, validation, published checkpoints."""
    steps, values = series(rows, f"train/{name}")
    axis.plot(steps, smooth(values), color="tab:blue", alpha=0.5, linewidth=1, label="training")
    axis.plot(*series(rows, f"val/{name}"), color="black", marker=".", label="validation")
    for (label, measures), style in zip(released, cycle(("--", ":", "-.")), strict=False):
        value = measures.get(f"val/{name}")
        if value is not None:
            axis.axhline(value, color="tab:red", linestyle=style, linewidth=1, label=label)
    axis.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4))


def print_rows(rows: Rows, released: Sequence[Row]) -> None:
    """Print what was measured on the validation side as a Markdown table; what was not is a dash."""
    names = [f"val/{name}" for name, _ in PANELS]
    print(f"| step | {' | '.join(name for name, _ in PANELS)} |\n|{' --- |' * (len(names) + 1)}")
    measured: list[Row] = [(str(step), rows[step]) for step in sorted(rows) if not rows[step].keys().isdisjoint(names)]
    for label, values in [*measured, *released]:
        found = [values.get(name) for name in names]
        print(f"| {label} | {' | '.join('-' if value is None else format(value, '.3g') for value in found)} |")


def draw_run(run: Path, picture: Path, released_sweep: Path | None) -> None:
    """Draw the picture, and print the table."""
    rows = read_run(run)
    released = read_released(released_sweep) if released_sweep else []
    figure, axes = plt.subplots(2, 4, figsize=(12, 5.5), layout="constrained")
    for axis, (name, title) in zip(axes.flat, PANELS, strict=True):
        draw(axis, rows, name, released)
        axis.set(title=title, xlabel="step")
    axes.flat[0].legend()
    figure.savefig(picture, dpi=110)
    plt.close(figure)
    print_rows(rows, released)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("picture", type=Path, metavar="PICTURE.png")
    parser.add_argument("--released", type=Path, metavar="SWEEP_DIR")
    options = parser.parse_args(arguments)
    with errors_as_messages():
        draw_run(options.run, options.picture, options.released)


if __name__ == "__main__":
    main()
