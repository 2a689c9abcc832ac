"""A sweep from the command line: what is said before it starts, after each run, and at its end."""

from __future__ import annotations

import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from zero_dce.data.decode import Pixels, decode_within
from zero_dce.estimate import estimate_run
from zero_dce.pictures import contact_sheet
from zero_dce.records import is_first_process, read_json, resume_command, write_json
from zero_dce.review.report import REPORT, write_report
from zero_dce.run_folder import pictures_folder, saved_steps
from zero_dce.search.front import describe_front
from zero_dce.search.plan import check_corners, is_search, lock_folder, open_plan, read_search
from zero_dce.sweep_plan import PLAN, plan_jobs, swept_keys
from zero_dce.sweep_table import Row, format_table, group_seeds, read_sweep, write_csv

TABLE = "sweep.csv"
SHEET = "contact_sheet.png"
# Longer side of a picture on the sheet.
CELL = 192


class SweepOverview(Callback):
    """Hydra callback: announce a sweep before its first run, and the time left after each."""

    # Hydra 1.3 never calls on_multirun_end after a failed run, so the entry point asks for this and finishes.
    folder: Path | None = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Make the run's folder, or say that it cannot be made."""
        _make_folder(Path(config.hydra.run.dir), "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the plan and print the number of runs and what they will take."""
        folder = Path(config.hydra.sweep.dir).resolve()
        self.count = _begin_search(config, folder) if is_search(config) else _begin_grid(config, folder)
        SweepOverview.folder = folder
        self.started, self.finished = time.monotonic(), 0
        try:
            estimate = estimate_run(config)
        except Exception as error:
            # What is wrong stands in each run's own error; here it must not take the plan along.
            _say(f"No estimate of time and disk: {error}")
            return
        _say(
            f"About {_minutes(self.count * estimate.seconds)} of training ({estimate.basis}) "
            f"and {self.count * estimate.megabytes:.0f} MB of disk."
        )

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Print how far the sweep is."""
        if SweepOverview.folder is None:
            return
        self.finished += 1
        elapsed = time.monotonic() - self.started
        left = elapsed / self.finished * (self.count - self.finished)
        _say(f"Run {self.finished} of {self.count} ended; about {_minutes(left)} left.")


def _begin_grid(config: DictConfig, folder: Path) -> int:
    """Write the plan and announce it; return the number of runs."""
    _make_folder(folder, "hydra.sweep.dir")
    if (folder / PLAN).exists():
        sys.exit(f"{folder} already holds a sweep: choose another hydra.sweep.dir")
    jobs = plan_jobs(config)
    write_json(folder / PLAN, {"jobs": jobs, "swept": swept_keys(config)})
    _say(f"Sweep {config.sweep_name}: {len(jobs)} runs of {config.trainer.max_steps} steps in {folder}")
    return len(jobs)


def _begin_search(config: DictConfig, folder: Path) -> int:
    """Write the plan of a new search, or check that of one to go on with; return how many runs are to come."""
    try:
        search = read_search(config)
        check_corners(config, search)
        _make_folder(folder, "hydra.sweep.dir")
        begun = open_plan(folder, search)
    except (ValueError, ModuleNotFoundError) as error:
        # Hydra turns a callback's exceptions into warnings, but not this one.
        sys.exit(str(error))
    there = f", of which {begun} are there" if begun else ""
    _say(
        f"Search {config.sweep_name}: {search.n_trials} runs of {config.trainer.max_steps} steps{there}, in {folder}\n"
        f"Searched: {', '.join(f'{key}={text}' for key, text in search.space.texts.items())}\n"
        f"Objectives: {', '.join(f'{direction} {name}' for name, direction in search.objectives.items())}"
    )
    return max(0, search.n_trials - begun)


def finish_sweep() -> None:
    """Print and write the table of the sweep that this process ran, whatever became of it; nothing without a sweep."""
    folder, SweepOverview.folder = SweepOverview.folder, None
    if folder is None:
        return
    rows = read_sweep(folder)
    for text in _summary(rows):
        _say(text)
    objectives = read_json(folder / PLAN).get("objectives")
    if objectives:
        _say(describe_front(folder, rows, objectives))
    # The other workers of a search may end at the same moment.
    with lock_folder(folder) if objectives else nullcontext():
        try:
            write_csv(folder / TABLE, rows)
            _write_sheet(folder, rows)
        except OSError as error:
            sys.exit(f"{folder / TABLE} and {SHEET} could not be written: {error}. The runs keep their own results")
        _write_report(folder)
    _say(_next_steps(folder, rows))


def _write_report(folder: Path) -> None:
    """Write the page to choose from; whatever goes wrong with it, the sweep's own result is to be seen."""
    try:
        write_report(folder)
    except Exception as error:
        again = shlex.join(["python", "-m", "zero_dce.review", "report", str(folder)])
        _say(f"{REPORT} could not be written ({type(error).__name__}: {error}). Again: {again}")


def _summary(rows: Sequence[Row]) -> Iterator[str]:
    yield format_table(rows)
    grouped = group_seeds(rows)
    if len(grouped) < len(rows):
        yield "The same, mean ± standard deviation over seeds:\n" + format_table(grouped)
    if any(name.startswith("val/psnr") for row in rows for name in row["measures"]):
        yield "PSNR: the dark validation frames to their well exposed reference; ± s.e. of the mean gain over them."
    memory = [row["memory"]["host"] for row in rows if row["memory"] and row["memory"]["host"]]
    if memory:
        yield f"Peak memory: {max(memory) / 1000:.2f} GB."
    pauses = [next_["began"] - run["ended"] for run, next_ in pairwise(rows) if next_["began"] and run["ended"]]
    if pauses:
        yield f"Between the runs: {statistics.fmean(pauses):.2f} s, at most {max(pauses):.2f} s, without training."
    for row in rows:
        if row["error"]:
            yield f"Run {row['run']} {row['state']}: {row['error']}"


def _make_folder(folder: Path, key: str) -> None:
    if not is_first_process():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Under a name of its own: several workers of a search may try it at once.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # Hydra turns a callback's exceptions into warnings, but not this one.
        sys.exit(f"the folder {folder} cannot be written: {error}. Choose another with {key}=DIR")


def _write_sheet(folder: Path, rows: Sequence[Row]) -> None:
    """Put the last sample pictures of all runs on one sheet: inputs on top, then a row a run."""
    lines: list[tuple[str, list[Pixels]]] = []
    for row in rows:
        run = folder / str(row["run"])
        steps = saved_steps(run)
        if steps:
            last = pictures_folder(run, steps[-1])
            if not lines:
                lines.append(("input", _thumbnails(last.glob("*_input.png"))))
            label = f"run {row['run']}  {row['point']}  {last.name}  {row['state']}"
            lines.append((label, _thumbnails(last.glob("*_output.png"))))
    if lines:
        contact_sheet(lines, CELL).save(folder / SHEET)


def _thumbnails(files: Iterable[Path]) -> list[Pixels]:
    return [decode_within(file, CELL) for file in sorted(files)]


def _next_steps(folder: Path, rows: Sequence[Row]) -> str:
    lines = [f"Results: {folder}", f"  the table: {folder / TABLE}"]
    if (folder / REPORT).is_file():
        lines.append(f"  choose by eye, in a browser: {folder / REPORT}")
    if (folder / SHEET).is_file():
        lines.append(f"  all runs side by side: {folder / SHEET}")
    if any((folder / "wandb").glob("offline-run-*")):
        lines.append(f"  W&B in the terminal: python -m wandb leet {folder / 'wandb'}")
        lines.append(f"  to the W&B dashboard: python -m wandb sync {folder / 'wandb'}/offline-run-*")
    finished = next((row for row in rows if row["state"] == "finished"), None)
    if finished and finished["step"]:
        run = folder / str(finished["run"])
        lines.append(f"  pictures per step: {run / 'samples'}, and so in each run's folder")
        lines.append(f"Next, train the one you like on: {resume_command(run, 10 * finished['step'])}")
    return "\n".join(lines)


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)
