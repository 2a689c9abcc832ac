"""The printed tables: one row per method, means with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from zero_dce.evaluate.bootstrap import BOOTSTRAP_SEED, RESAMPLES
from zero_dce.evaluate.measure import Method
from zero_dce.evaluate.pictures import MeasuredSize, PictureSet
from zero_dce.terminal import align

# Each group is a table, narrow enough for a screen, from measures to their headings.
GROUPS = {
    "against the reference": {
        "psnr": "PSNR dB",
        "psnr_equal_mean": "PSNR at equal mean",
        "ssim": "SSIM",
        "lpips": "LPIPS, AlexNet",
        "dists": "DISTS",
        "mae": "MAE",
        "mae_rgb_sum": "MAE, sum over RGB of 255",
        "delta_e": "colour error CIEDE2000",
        "saturation_to_reference": "saturation / reference's",
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
        "niqe": "NIQE, authors' model",
        "piqe": "PIQE",
        "brightened_bright": "bright ones brightened",
        "brightened_by": "by",
    },
}

INTERVALS = f"mean [bootstrap 95 % interval over pictures: {RESAMPLES:,} resamples, seed {BOOTSTRAP_SEED}]"


def describe_size(size: MeasuredSize) -> str:
    """Say at which size pictures are measured.

    >>> describe_size((1200, 900))
    'resized to 1200 x 900 pixels'
    """
    if size is None:
        return "at full size"
    return f"at most {size} pixels long" if isinstance(size, int) else f"resized to {size[0]} x {size[1]} pixels"


def describe_pictures(pictures: PictureSet, size: MeasuredSize, device: torch.device) -> str:
    """Say which pictures were measured, and where."""
    known = "with" if pictures.has_references() else "without"
    return f"{len(pictures.pairs)} pictures {known} references, {describe_size(size)}, float32 on {device}"


def describe_measurement(pictures: PictureSet, size: MeasuredSize, device: torch.device) -> str:
    """Say what was measured, and how."""
    text = describe_pictures(pictures, size, device) + "\n"
    if pictures.left_out:
        text += f"{len(pictures.left_out)} more are left out of all rows: they could not be used, see the end\n"
    text += INTERVALS
    if not pictures.has_references():
        text += "\nno row 'gamma best': without references there is nothing to choose the gamma by"
    return text


def format_tables(methods: Sequence[Method]) -> str:
    """Lay out the methods as aligned tables, one per group of measures; measures without values are left out."""
    lines = []
    for title, headings in GROUPS.items():
        shown = [measure for measure in headings if any(method.known(measure) for method in methods)]
        if shown:
            cells = [[title, *(headings[measure] for measure in shown)]]
            for method in methods:
                cells.append([method_label(method), *(_cell(method, measure) for measure in shown)])
            lines += ["", *align(cells)]
    return "\n".join(lines)


def method_label(method: Method) -> str:
    """Name a method with what distinguishes it from others of its name."""
    if method.name == "gamma best":
        return f"{method.name} ({method.details['gamma']:g})"
    factor, exposure = method.details.get("scale_factor", 1), method.details.get("exposure", "off")
    said = [f"scale factor {factor}"] * (factor != 1) + [f"exposure {exposure}"] * (exposure != "off")
    return f"{method.name} ({', '.join(said)})" if said else method.name


def _cell(method: Method, measure: str) -> str:
    summary = method.summary(measure)
    if summary is None:
        return "-"
    mean, interval = f"{summary['mean']:.4g}", summary["interval"]
    return mean if interval is None else f"{mean} [{interval[0]:.4g}, {interval[1]:.4g}]"
