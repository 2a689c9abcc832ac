"""Write report.html, the page on which a checkpoint is chosen by eye.

It opens by double-click, without a server or a network. Thumbnails, numbers and plots are inside; full pictures are
loaded from the runs' folders beside it. It can be written at any time, also while runs go on.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from zero_dce.exposure.suited import EXPOSED_MEAN
from zero_dce.files import finite, write_file
from zero_dce.losses import CompositeLoss
from zero_dce.records.run import Rows
from zero_dce.review.bundle import bundle
from zero_dce.review.cells import Cell, CellReader
from zero_dce.review.collect import ReviewedRun, Sweep, collect
from zero_dce.review.flags import describe_flags
from zero_dce.review.rank import VERDICTS, VOTE_SHARES
from zero_dce.terminal import tell

REPORT = "report.html"
LIVE_SCRIPT = "live.js"
PLOTTED_LOSSES = ("total", *CompositeLoss.NAMES)
# The most points of a curve: a plot is not as wide, and the page of 27 runs stays small.
MOST_POINTS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument("sweep", type=Path, metavar="SWEEP_DIR", help="a sweep's folder, or a single run's")
    parser.add_argument("--output", type=Path, metavar="FILE", help=f"where the page goes; default: SWEEP_DIR/{REPORT}")


def run(options: argparse.Namespace) -> None:
    """Write the page and say where it is."""
    file = write_report(options.sweep, options.output)
    tell(f"{file} ({file.stat().st_size / 1e6:.1f} MB): open it in a browser")


def write_report(folder: Path, output: Path | None = None) -> Path:
    """Write the page of a sweep or of a single run and return its file: ``output``, or ``report.html`` in its folder.

    Full pictures are looked for beside it.

    Raises:
        FileNotFoundError: if the folder is neither's, or that of ``output`` does not exist.
        OSError: if the page cannot be written, as on a full disk; it names the file.
        ValueError: if a file holds something else than is written to it; the message names the file.
    """
    sweep = collect(folder)
    file = (output or sweep.folder / REPORT).resolve()
    if not file.parent.is_dir():
        raise FileNotFoundError(f"the folder {file.parent} does not exist: make it first, or choose another --output")
    cells = list(CellReader().read(sweep.runs))
    page = build_page(sweep, cells, os.path.relpath(sweep.folder, file.parent))
    write_file(file, page)
    return file


def build_page(sweep: Sweep, cells: Sequence[Cell], way: str) -> str:
    """Return the page's HTML; ``way`` is the path from the page's folder to the sweep's."""
    thumbnails: dict[str, dict[str, str]] = {number: {} for number in sweep.numbers}
    by_run: dict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_run[cell.run].append(cell)
        if cell.thumbnail:
            thumbnails[cell.number][f"{cell.run}/{cell.step}"] = cell.thumbnail
    runs = [describe_run(run, by_run[run.number], sweep.single) for run in sweep.runs]
    # Each picture has an element of its own, so that only the shown picture's thumbnails are parsed.
    content = {**describe_sweep(sweep, way), "runs": runs, "written": time.strftime("%Y-%m-%d %H:%M")}
    blocks = [_json_element("data", content)]
    blocks += [_json_element(f"thumbnails-{number}", content) for number, content in thumbnails.items()]
    return _fill_page(sweep.folder, blocks, page_scripts())


def build_live_page(folder: Path, content: Mapping[str, Any]) -> str:
    """Return the HTML of the page that asks the server which it came from for what is new."""
    return _fill_page(folder, [_json_element("data", content)], page_scripts(live=True), "; connect-src 'self'")


def describe_sweep(sweep: Sweep, way: str = ".") -> dict[str, Any]:
    """Return what the page's scripts read of the sweep as a whole; ``way`` as for :func:`build_page`."""
    return {
        "folder": str(sweep.folder),
        "root": "" if way == "." else quote(Path(way).as_posix()) + "/",
        "pick": shlex.join(["python", "-m", "zero_dce.review", "pick", str(sweep.folder)]),
        "steps": sweep.steps,
        "numbers": sweep.numbers,
        "losses": PLOTTED_LOSSES,
        "objectives": sweep.objectives,
        "exposed_mean": EXPOSED_MEAN,
        "flags": describe_flags({run.target for run in sweep.runs}),
        "choices": VOTE_SHARES,
        "verdicts": VERDICTS,
    }


def describe_run(run: ReviewedRun, cells: Iterable[Cell], single: bool) -> dict[str, Any]:
    """Return what the page's scripts read of one run; ``single`` says that it belongs to no sweep."""
    by_step: dict[int, dict[str, Any]] = defaultdict(dict)
    for cell in cells:
        by_step[cell.step][cell.number] = cell.content
    return {
        "run": run.number,
        # How the command that picks names it; in a single run's folder there is nothing to name.
        "named": [] if single else [f"--run {run.number}"],
        "folder": quote(run.row["folder"]),
        "point": run.row["point"],
        "swept": {name: _plain(value) for name, value in run.swept.items()},
        "weights": run.row["weights"] or {},
        "state": run.row["state"],
        "error": run.row["error"],
        "step": run.row["step"],
        "washout": run.washout,
        "pareto": run.pareto,
        "measures": run.row["measures"],
        "steps": run.steps,
        "checkpoints": run.checkpoints,
        "cells": by_step,
        "training": _curves(run.metrics, [f"train/{name}" for name in PLOTTED_LOSSES]),
        "validation": _curves(run.metrics, _validated(run.metrics)),
    }


def _fill_page(folder: Path, blocks: Sequence[str], scripts: Mapping[str, str], allowed: str = "") -> str:
    """Return the HTML of a page with these elements of JSON and modules.

    ``allowed`` is what its Content Security Policy allows besides.
    """
    return Template(_part("page/page.html")).substitute(
        title=escape(f"{folder.parent.name} / {folder.name}"),
        style=_part("uplot/uPlot.min.css") + _part("page/page.css"),
        data="\n".join(blocks),
        allowed=allowed,
        plotting=_part("uplot/uPlot.iife.min.js"),
        licence=_part("uplot/LICENSE.txt"),
        script=bundle(scripts),
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str) else str(value)


def _validated(metrics: Rows) -> list[str]:
    names = {name for row in metrics.values() for name in row}
    return sorted(name for name in names if name.startswith("val/") and "share/" not in name)


def _curves(metrics: Rows, names: Sequence[str]) -> dict[str, Any]:
    """Return the steps that have any of these values, and the values; evenly thinned where there are too many."""
    steps = [step for step in sorted(metrics) if not metrics[step].keys().isdisjoint(names)]
    thinned = steps[:: max(1, math.ceil(len(steps) / MOST_POINTS))]
    curves = {}
    for name in names:
        values = [metrics[step].get(name) for step in thinned]
        curves[name.partition("/")[2]] = [None if value is None else float(f"{value:.5g}") for value in values]
    return {"steps": thinned, "values": curves}


def _json_element(name: str, content: Any) -> str:
    return f'<script type="application/json" id="{escape(name)}">{to_json(content)}</script>'


def to_json(content: Any) -> str:
    """Return JSON that can stand inside an HTML element: no text in it can end the element or begin another."""
    text = json.dumps(finite(content), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def page_scripts(live: bool = False) -> dict[str, str]:
    """Return the texts of the page's modules by their files' names; only a ``live`` page asks a server for changes."""
    names = sorted(file.name for file in files("zero_dce.review").joinpath("page").iterdir())
    wanted = [name for name in names if name.endswith(".js") and (live or name != LIVE_SCRIPT)]
    return {name: _part(f"page/{name}") for name in wanted}


def _part(name: str) -> str:
    return files("zero_dce.review").joinpath(name).read_text(encoding="utf-8")
