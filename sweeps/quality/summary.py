"""Print the study's tables from what zero_dce.evaluate wrote.

python sweeps/quality/summary.py FILE...

Each FILE is one of ``evaluate --json``. Runs of one recipe that differ in their seed alone, whose folders are numbered
(``adaptive/0``, ``adaptive/1``), become one row: the mean over the seeds, with the lowest and the highest.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from zero_dce.terminal import errors_as_messages

HEADINGS = {
    "psnr": ("PSNR dB", ".2f"),
    "psnr_equal_mean": ("at equal mean", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "brightness": ("brightness", ".2f"),
    "saturation_to_reference": ("saturation / reference's", ".2f"),
    "clipped": ("clipped", ".3f"),
    "loe": ("LOE", ".0f"),
    "brightened_bright": ("bright ones brightened", ".2f"),
}


def main(files: list[str]) -> None:
    """Print the table of each file."""
    for file in files:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        print(f"{file}: {len(content['pictures'])} pictures\n")
        print("\n".join(table(content["rows"])), end="\n\n")


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a Markdown table, one row for each method."""
    measures = [measure for measure in HEADINGS if any(measure in row["means"] for row in rows)]
    lines = [
        "| | " + " | ".join(HEADINGS[measure][0] for measure in measures) + " |",
        "| --- |" + " ---: |" * len(measures),
    ]
    methods: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        methods.setdefault(label(row), []).append(row["means"])
    for name, seeds in methods.items():
        lines.append(f"| {name} | " + " | ".join(cell(seeds, measure) for measure in measures) + " |")
    return lines


def label(row: dict[str, Any]) -> str:
    """Return a method's name without its seed, and its exposure."""
    path = Path(row["name"])
    name = f"{path.parent.name}, all seeds" if path.name.isdigit() else path.name
    if name == "gamma best":
        name = f"{name} ({row['gamma']:.2f})"
    return f"{name}, {row['exposure']}" if "exposure" in row else name


def cell(seeds: list[dict[str, Any]], measure: str) -> str:
    """Return the mean over seeds with its range; of one run, with the PSNR's bootstrap interval over pictures."""
    found = [means[measure] for means in seeds if means.get(measure)]
    if len(found) < len(seeds):
        return "-"
    values, form = [one["mean"] for one in found], HEADINGS[measure][1]
    text = format(statistics.fmean(values), form)
    if len(values) > 1:
        return f"{text} [{min(values):{form}}, {max(values):{form}}]"
    if measure == "psnr":
        low, high = found[0]["interval"]
        return f"{text} [{low:{form}}, {high:{form}}]"
    return text


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with errors_as_messages():
        main(sys.argv[1:])
