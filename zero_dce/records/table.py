"""The table of a sweep's runs: one row per run, also for those that failed or never began."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zero_dce.files import atomic
from zero_dce.losses import RESTORATION, CompositeLoss
from zero_dce.records.sweep import RunRow
from zero_dce.terminal import align

# How a formula begins in spreadsheets.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# The measures of the printed table, with the heading that a person reads; result.json holds all measures.
HEADINGS = {
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


def group_seeds(rows: Sequence[RunRow]) -> list[RunRow]:
    """Join rows that differ only in ``seed`` into one: the mean of each measure, and how much it varies.

    Each joined row has ``seeds`` (how many finished) and ``spread`` (standard deviations) beside the mean measures.
    """
    groups: dict[str, list[RunRow]] = {}
    for row in rows:
        point = " ".join(part for part in row["point"].split() if not part.startswith("seed="))
        groups.setdefault(point, []).append(row)
    return [_join(point, members) for point, members in groups.items()]


def _join(point: str, members: Sequence[RunRow]) -> RunRow:
    finished = [row["measures"] for row in members if row["state"] == "finished"]
    means, spread = {}, {}
    for name in set.intersection(*map(set, finished)) if finished else ():
        values = [measures[name] for measures in finished if measures[name] is not None]
        if values:
            means[name] = statistics.fmean(values)
        if len(values) > 1:
            spread[name] = statistics.stdev(values)
    return {
        "run": ",".join(str(row["run"]) for row in members),
        "point": point,
        "state": f"{len(finished)} of {len(members)} finished",
        "seeds": len(finished),
        "weights": members[0]["weights"],
        "measures": means,
        "spread": spread,
    }


def format_table(rows: Sequence[RunRow]) -> str:
    """Lay out rows of :func:`read_sweep` or :func:`group_seeds` for a terminal; the runs are not ranked."""
    shown = [name for name in HEADINGS if any(name in row["measures"] for row in rows)]
    lines = [["run", "spa/exp/col/tv", "point", "state", *(HEADINGS[name] for name in shown)]]
    for row in rows:
        spread = row.get("spread", {})
        cells = [_cell(row["measures"].get(name), spread.get(name)) for name in shown]
        lines.append([str(row["run"]), _weights(row), row["point"], row["state"], *cells])
    return "\n".join(align(lines))


def write_csv(file: Path, rows: Sequence[RunRow]) -> None:
    """Write rows of :func:`read_sweep` with all their measures.

    A text that a spreadsheet would take for a formula gets a ``'`` before it; a sweep may be somebody else's.
    """
    measures = sorted({name for row in rows for name in row["measures"]})
    restore = any((row["weights"] or {}).get(RESTORATION) for row in rows)
    terms = (*CompositeLoss.NAMES, RESTORATION) if restore else CompositeLoss.NAMES
    with atomic(file) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["run", "point", "state", "step", *terms, *map(_no_formula, measures)])
        for row in rows:
            weights = [(row["weights"] or {}).get(name) for name in terms]
            values = [row["measures"].get(name) for name in measures]
            cells = [row["run"], row["point"], row["state"], row["step"], *weights, *values]
            writer.writerow([_no_formula(cell) for cell in cells])


def _no_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _weights(row: RunRow) -> str:
    if not row["weights"]:
        return "-"
    published = "/".join(str(row["weights"].get(name, "?")).removesuffix(".0") for name in CompositeLoss.NAMES)
    restoration = row["weights"].get(RESTORATION)
    return f"{published} {RESTORATION} {restoration:g}" if restoration else published


def _cell(value: float | None, spread: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if spread is None else f"{value:.4g}±{spread:.2g}"
