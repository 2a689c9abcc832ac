"""What a person reads: one row a method, means with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from zero_dce.evaluate.bootstrap import RESAMPLES, SEED
from zero_dce.evaluate.measure import Row
from zero_dce.evaluate.pictures import Pair
from zero_dce.terminal import align

# A table each, narrow enough for a screen: a measure's name and its heading.
GROUPS = {
    "against the reference": {
        "psnr": "PSNR dB",
        "ssim": "SSIM",
        "mae": "MAE",
        "mae_rgb_sum": "MAE, sum over RGB of 255",
        "delta_e": "colour error CIEDE2000",
    },
    "of the picture": {
        "brightness": "brightness",
        "saturation": "saturation",
        "clipped": "clipped",
        "entropy": "entropy, bits",
    },
    "of what enhancement did to it": {
        "saturation_ratio": "saturation out / in",
        "noise": "noise",
        "loe": "LOE",
        "piqe": "PIQE",
        "brightened_bright": "bright ones brightened",
        "brightened_by": "by",
    },
}


def describe(pairs: Sequence[Pair], longest: int | None, device: torch.device) -> str:
    """Say what was measured, and how."""
    known = pairs[0].reference is not None
    lines = [
        f"{len(pairs)} pictures {'with' if known else 'without'} references, "
        f"{'at full size' if longest is None else f'at most {longest} pixels long'}, float32 on {device}",
        f"mean [bootstrap 95 % interval over pictures: {RESAMPLES:,} resamples, seed {SEED}]",
    ]
    if not known:
        lines.append("no row 'gamma best': without references there is nothing to choose the gamma by")
    return "\n".join(lines)


def format_tables(rows: Sequence[Row]) -> str:
    """Lay the rows out as aligned tables, one a group of measures; measures without values are left out."""
    return "\n".join(text for title, columns in GROUPS.items() if (text := _table(title, columns, rows)) is not None)


def _table(title: str, columns: dict[str, str], rows: Sequence[Row]) -> str | None:
    shown = [name for name in columns if any(row.known(name) for row in rows)]
    if not shown:
        return None
    lines = [[title, *(columns[name] for name in shown)]]
    lines += [[_label(row), *(_cell(row, name) for name in shown)] for row in rows]
    return "\n".join(["", *align(lines)])


def _label(row: Row) -> str:
    if row.name == "gamma best":
        return f"{row.name} ({row.details['gamma']:g})"
    factor = row.details.get("scale_factor", 1)
    return row.name if factor == 1 else f"{row.name} (scale factor {factor})"


def _cell(row: Row, measure: str) -> str:
    summary = row.summary(measure)
    if summary is None:
        return "-"
    interval = summary["interval"]
    mean = f"{summary['mean']:.4g}"
    return mean if interval is None else f"{mean} [{interval[0]:.4g}, {interval[1]:.4g}]"
