"""What became of a sweep's runs: a row each, also of those that failed or never began."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from pathlib import Path

from zero_dce.files import atomic
from zero_dce.losses import CompositeLoss
from zero_dce.records.sweep import Row
from zero_dce.terminal import align

# Measures in the printed table, with the heading that a person reads; result.json holds all of them.
COLUMNS = {
    "val/psnr_input": "PSNR in",
    "val/psnr": "PSNR out",
    "val/psnr_gain": "gain dB",
    "val/psnr_gain_se": "± s.e.",
    "val/psnr_improved": "improved",
    "val/ssim": "SSIM",
    "val/brightness_in": "bright in",
    "val/brightness_out": "out",
    "val/saturation_ratio": "saturation",
    "val/clipped_out": "clipped",
    "val/loe": "LOE",
    **{f"val/{name}": name for name in CompositeLoss.NAMES},
}


def group_seeds(rows: Sequence[Row]) -> list[Row]:
    """Join rows that differ only in ``seed`` into one: the mean of each measure, and how much it varies.

    Each joined row has ``seeds`` (how many finished) and ``spread`` (standard deviations) beside the mean measures.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        point = " ".join(part for part in row["point"].split() if not part.startswith("seed="))
        groups.setdefault(point, []).append(row)
    joined = []
    for point, members in groups.items():
        finished = [row["measures"] for row in members if row["state"] == "finished"]
        names = set.intersection(*(set(measures) for measures in finished)) if finished else set[str]()
        values = {name: [measures[name] for measures in finished if measures[name] is not None] for name in names}
        joined.append(
            {
                "run": ",".join(str(row["run"]) for row in members),
                "point": point,
                "state": f"{len(finished)} of {len(members)} finished",
                "seeds": len(finished),
                "weights": members[0]["weights"],
                "measures": {name: statistics.fmean(numbers) for name, numbers in values.items() if numbers},
                "spread": {name: statistics.stdev(numbers) for name, numbers in values.items() if len(numbers) > 1},
            }
        )
    return joined


def format_table(rows: Sequence[Row]) -> str:
    """Lay out rows of :func:`read_sweep` or :func:`group_seeds` for a terminal; best PSNR gain is not ranked."""
    shown = [name for name in COLUMNS if any(name in row["measures"] for row in rows)]
    header = ["run", "spa/exp/col/tv", "point", "state", *(COLUMNS[name] for name in shown)]
    lines = [header]
    for row in rows:
        weights = (
            "/".join(str(row["weights"][name]).removesuffix(".0") for name in CompositeLoss.NAMES)
            if row["weights"]
            else "-"
        )
        cells = [_cell(row["measures"].get(name), row.get("spread", {}).get(name)) for name in shown]
        lines.append([str(row["run"]), weights, row["point"], row["state"], *cells])
    return "\n".join(align(lines))


def write_csv(file: Path, rows: Sequence[Row]) -> None:
    """Write rows of :func:`read_sweep` with all their measures."""
    measures = sorted({name for row in rows for name in row["measures"]})
    with atomic(file) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["run", "point", "state", "step", *CompositeLoss.NAMES, *measures])
        for row in rows:
            weights = [(row["weights"] or {}).get(name) for name in CompositeLoss.NAMES]
            values = [row["measures"].get(name) for name in measures]
            writer.writerow([row["run"], row["point"], row["state"], row["step"], *weights, *values])


def _cell(value: float | None, spread: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if spread is None else f"{value:.4g}±{spread:.2g}"
