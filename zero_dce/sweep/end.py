"""The end of a sweep: its table, its pictures side by side, its page to choose from, and what to do next."""

from __future__ import annotations

import shlex
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

from zero_dce.images.decode import Pixels, decode_within
from zero_dce.images.sheets import contact_sheet, save_picture
from zero_dce.records.run import SAMPLES, WANDB, pictures_folder, saved_steps, sync_command
from zero_dce.records.sweep import CONTACT_SHEET, SWEEP_TABLE, RunRow, read_plan, read_sweep
from zero_dce.records.table import format_table, group_seeds, write_csv
from zero_dce.review.report import REPORT, write_report
from zero_dce.sweep.search.front import describe_front
from zero_dce.sweep.search.plan import lock_folder
from zero_dce.terminal import explain, say
from zero_dce.train.continuing import resume_command

# The longer side of a picture on the sheet, in pixels.
SHEET_CELL = 192
# A sheet of more is too tall to look at, and image viewers refuse it; one of 1,000 would take a gigabyte to draw.
MOST_ON_SHEET = 100


def finish_sweep(folder: Path, in_turn: bool, given: Sequence[str] | None = None) -> None:
    """Print and write a sweep's table, whatever became of it, and write its contact sheet and its page.

    Args:
        folder: the sweep's.
        in_turn: whether each run followed the one before, so that the pauses between them are known.
        given: what the person gave who began or resumed it, see :func:`zero_dce.train.continuing.given_words`.
    """
    try:
        rows = read_sweep(folder)
    except ValueError as error:
        sys.exit(f"the sweep's table and page could not be written: {explain(error)}")
    for text in _summary(rows, in_turn):
        say(text)
    objectives = read_plan(folder).get("objectives")
    if objectives:
        say(describe_front(rows, objectives))
    # Other workers of a search may end at the same moment.
    with lock_folder(folder) if objectives else nullcontext():
        try:
            write_csv(folder / SWEEP_TABLE, rows)
            write_contact_sheet(folder, rows)
        except OSError as error:
            sys.exit(
                f"{SWEEP_TABLE} and {CONTACT_SHEET} of {folder} could not be written: {explain(error)}. The runs keep "
                "their own results"
            )
        _write_report(folder)
    say(_next_steps(folder, rows, given))


def _write_report(folder: Path) -> None:
    """Write the page to choose from; if that fails for any reason, the sweep still ends with its own result."""
    try:
        write_report(folder)
    except Exception as error:
        again = shlex.join(["python", "-m", "zero_dce.review", "report", str(folder)])
        say(f"{REPORT} could not be written ({type(error).__name__}: {error}). Again: {again}")


def _summary(rows: Sequence[RunRow], in_turn: bool) -> Iterator[str]:
    yield format_table(rows)
    grouped = group_seeds(rows)
    if len(grouped) < len(rows):
        yield "The same, mean ± standard deviation over seeds:\n" + format_table(grouped)
    measures = {name for row in rows for name in row["measures"]}
    if any(name.startswith("val/psnr") for name in measures):
        yield "PSNR: the dark validation frames to their well exposed reference; ± s.e. of the mean gain over them."
    memory = [row["memory"]["host"] for row in rows if row["memory"] and row["memory"]["host"]]
    if memory:
        yield f"Peak memory: {max(memory) / 1000:.2f} GB."
    pauses = [after["began"] - run["ended"] for run, after in pairwise(rows) if after["began"] and run["ended"]]
    if pauses and in_turn:
        yield f"Between the runs: {statistics.fmean(pauses):.2f} s, at most {max(pauses):.2f} s, without training."
    for row in rows:
        if row["error"]:
            yield f"Run {row['run']} {row['state']}: {row['error']}"


def write_contact_sheet(folder: Path, rows: Sequence[RunRow]) -> None:
    """Put the last sample pictures of all runs on one sheet: the inputs on top, then one row per run."""
    if len(rows) > MOST_ON_SHEET:
        # A sheet may be left from before the sweep was continued with more points.
        (folder / CONTACT_SHEET).unlink(missing_ok=True)
        say(f"More than {MOST_ON_SHEET} runs have no {CONTACT_SHEET}: filter and compare them in {REPORT}")
        return
    lines: list[tuple[str, list[Pixels]]] = []
    for row in rows:
        run = folder / row["folder"]
        steps = saved_steps(run)
        if not steps:
            continue
        last = pictures_folder(run, steps[-1])
        if not lines:
            lines.append(("input", _thumbnails(last.glob("*_input.png"))))
        label = f"run {row['run']}  {row['point']}  {last.name}  {row['state']}"
        lines.append((label, _thumbnails(last.glob("*_output.png"))))
    if lines:
        save_picture(contact_sheet(lines, SHEET_CELL), folder / CONTACT_SHEET)


def _thumbnails(files: Iterable[Path]) -> list[Pixels]:
    return [decode_within(file, SHEET_CELL) for file in sorted(files)]


def _next_steps(folder: Path, rows: Sequence[RunRow], given: Sequence[str] | None) -> str:
    lines = [f"Results: {folder}", f"  the table: {folder / SWEEP_TABLE}"]
    if (folder / REPORT).is_file():
        lines.append(f"  choose by eye, in a browser: {folder / REPORT}")
    if (folder / CONTACT_SHEET).is_file():
        lines.append(f"  all runs side by side: {folder / CONTACT_SHEET}")
    sync = sync_command(folder)
    if sync:
        lines.append(f"  W&B in the terminal: python -m wandb leet {shlex.quote(str(folder / WANDB))}")
        lines.append(f"  to the W&B dashboard: {sync}")
    finished = next((row for row in rows if row["state"] == "finished"), None)
    if finished and finished["step"]:
        run = folder / finished["folder"]
        lines.append(f"  pictures per step: {run / SAMPLES}, and so in each run's folder")
        lines.append(f"Next, train the one you like on: {resume_command(run, 10 * finished['step'], given)}")
    return "\n".join(lines)
