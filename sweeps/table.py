"""Print sweeps as one Markdown table, with the seeds of a point in one row.

python sweeps/table.py SWEEP_DIR ...
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from zero_dce.losses import CompositeLoss
from zero_dce.records.sweep import RunRow, read_sweep
from zero_dce.records.table import group_seeds
from zero_dce.terminal import errors_as_messages

# Heading, measure, and how it is written.
COLUMNS = (
    ("PSNR dB", "val/psnr", "{:.2f}"),
    ("gain dB", "val/psnr_gain", "{:.2f}"),
    ("brightness out", "val/brightness_out", "{:.3f}"),
    ("saturation ratio", "val/saturation_ratio", "{:.2f}"),
    ("clipped", "val/clipped_out", "{:.1%}"),
    *((name, f"val/{name}", "{:.2g}") for name in CompositeLoss.NAMES),
)


def cell(row: RunRow, measure: str, form: str) -> str:
    """Write a mean, and its standard deviation over seeds where there are several."""
    if row["measures"].get(measure) is None:
        return "-"
    spread = row["spread"].get(measure)
    return form.format(row["measures"][measure]) + ("" if spread is None else f" ± {form.format(spread)}")


def line(row: RunRow) -> str:
    """Write one row."""
    weights = " / ".join(f"{row['weights'][name]:g}" for name in CompositeLoss.NAMES) if row["weights"] else "-"
    # The file's name says enough where the point is a path.
    point = " ".join(
        part.replace(part.partition("=")[2], Path(part.partition("=")[2]).name) for part in row["point"].split()
    )
    cells = [weights, point, str(row["seeds"]), *(cell(row, measure, form) for _, measure, form in COLUMNS)]
    return f"| {' | '.join(cells)} |"


def print_table(sweeps: Sequence[Path]) -> None:
    """Print all sweeps in one table, or nothing if one of them cannot be read."""
    rows = [row for sweep in sweeps for row in group_seeds(read_sweep(sweep))]
    heading = ["spa / exp / col / tv", "point", "seeds", *(name for name, _, _ in COLUMNS)]
    print(f"| {' | '.join(heading)} |\n|{' --- |' * len(heading)}")
    for row in rows:
        print(line(row))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", type=Path, nargs="+", metavar="SWEEP_DIR")
    options = parser.parse_args(arguments)
    with errors_as_messages():
        print_table(options.sweeps)


if __name__ == "__main__":
    main()
