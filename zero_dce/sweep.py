"""A sweep from the command line: what is said before it starts, after each run, and at its end."""

from __future__ import annotations

import shlex
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from zero_dce.configuration import SICE_VARIABLE
from zero_dce.data.decode import Pixels, decode_within
from zero_dce.estimate import Estimate, estimate_run, portable
from zero_dce.launching.environment import run_environments
from zero_dce.launching.job import is_left
from zero_dce.launching.layout import expected_slots, threads
from zero_dce.launching.processes import call_apart
from zero_dce.pictures import contact_sheet
from zero_dce.preflight import check_sweep, uses_slurm
from zero_dce.records import is_first_process, read_json, resume_command, run_state, write_json
from zero_dce.review.report import REPORT, write_report
from zero_dce.run_folder import pictures_folder, saved_steps
from zero_dce.sweep_plan import PLAN, command_line, new_jobs, place_jobs, plan_jobs, swept_keys
from zero_dce.sweep_table import Row, format_table, group_seeds, read_sweep, write_csv

TABLE = "sweep.csv"
SHEET = "contact_sheet.png"
# Longer side of a picture on the sheet.
CELL = 192
# A sheet of more is too tall to look at, and image viewers refuse it; one of 1,000 would take a gigabyte to draw.
MOST_ON_SHEET = 100


@dataclass
class Progress:
    """How far the sweep of this process is: its folder, its number of runs, how many of them ended."""

    folder: Path
    count: int
    # Whether each run follows the one before: the time between them is known then.
    in_turn: bool = True
    ended: int = 0
    started: float = field(default_factory=time.monotonic)

    def job_ended(self) -> None:
        """Count a run as ended and say how far the sweep is."""
        self.ended += 1
        left = (time.monotonic() - self.started) / self.ended * (self.count - self.ended)
        _say(f"Run {self.ended} of {self.count} ended; about {_minutes(left)} left.")


class SweepOverview(Callback):
    """Hydra callback: announce a sweep before its first run, and the time left after each."""

    # Hydra 1.3 never calls on_multirun_end after a failed run, so the entry point asks for this and finishes.
    progress: Progress | None = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Make the run's folder, or say that it cannot be made."""
        _make_folder(Path(config.hydra.run.dir), "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Write the plan and print the number of runs and what they will take."""
        try:
            check_sweep(config)
            slots = expected_slots(config)
        except ValueError as error:
            # Hydra turns a callback's exceptions into warnings, but not this one.
            sys.exit(str(error))
        folder = Path(config.hydra.sweep.dir).resolve()
        _make_folder(folder, "hydra.sweep.dir")
        jobs = plan_jobs(config)
        left = _continue(config, folder, jobs) if config.resume else _begin(config, folder, jobs)
        alone = len(slots) == 1 and not uses_slurm(config)
        SweepOverview.progress = Progress(folder, left, in_turn=alone and not config.resume)
        _announce_cost(config, left, slots)
        SweepOverview.progress.started = time.monotonic()

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Print how far the sweep is."""
        self.job_ended()

    @classmethod
    def job_ended(cls) -> None:
        """Print how far the sweep is; for launchers whose runs end elsewhere."""
        if cls.progress is not None:
            cls.progress.job_ended()


def _begin(config: DictConfig, folder: Path, jobs: list[list[str]]) -> int:
    """Write the plan of a new sweep; return how many runs it has."""
    if (folder / PLAN).exists():
        sys.exit(f"{folder} already holds a sweep: choose another hydra.sweep.dir, or continue it with resume={folder}")
    plan = {"jobs": jobs, "swept": swept_keys(config), **command_line(config)}
    write_json(folder / PLAN, plan)
    _say(f"Sweep {config.sweep_name}: {len(jobs)} runs of {config.trainer.max_steps} steps in {folder}")
    return len(jobs)


def _continue(config: DictConfig, folder: Path, jobs: list[list[str]]) -> int:
    """Add the points that a continued sweep has not seen, say what is left to do, and return how many runs that is."""
    plan = read_json(folder / PLAN)
    choice = config.hydra.runtime.choices.data
    if choice != plan["data"]:
        sys.exit(
            f"{folder} was begun with data={plan['data']} and now data={choice} is chosen: give data={plan['data']}, "
            f"or {SICE_VARIABLE} in the environment as it was then"
        )
    added, dropped = new_jobs(plan["jobs"], jobs), new_jobs(jobs, plan["jobs"])
    if len(added) == len(jobs):
        point = added[0] if added else []
        sys.exit(
            f"no run of {folder} is one of this grid, whose first is {' '.join(point)!r} and not "
            f"{' '.join(plan['jobs'][0])!r}: give the sweep's own overrides, or resume={folder} alone, which repeats "
            "them. Another grid is another sweep, without resume="
        )
    if added:
        write_json(folder / PLAN, {**plan, "jobs": plan["jobs"] + added})
    states = [run_state(folder / str(number)) for number in range(len(plan["jobs"]))]
    counts = ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()))
    _say(f"Continuing the sweep in {folder}: {counts}.")
    if added:
        _say(f"This grid has {len(added)} new points: runs {len(states)} to {len(states) + len(added) - 1}.")
    if dropped:
        _say(f"{len(dropped)} runs of the sweep are not in this grid and stay as they are.")
    retry = config.hydra.launcher.get("retry_failed", False)
    failed = states.count("failed")
    if failed and not retry:
        _say(f"{failed} failed runs stay so; hydra.launcher.retry_failed=true runs them again.")
    numbers = place_jobs(folder, jobs, 0)
    return sum(is_left(folder / str(number), retry) for number in numbers)


def _announce_cost(config: DictConfig, count: int, slots: list[list[str] | None]) -> None:
    if not count:
        return
    try:
        estimate = _estimate(config, slots)
    except Exception as error:
        # What is wrong stands in each run's own error; here it must not take the plan along.
        _say(f"No estimate of time and disk: {error}")
        return
    _say(f"About {_cost(count, estimate, len(slots))}.")


def _estimate(config: DictConfig, slots: list[list[str] | None]) -> Estimate:
    if slots == [None]:
        # Of a cluster's nodes this machine tells nothing, and nobody trains on a login node.
        return estimate_run(config, timed=not uses_slurm(config))
    # Runs in processes of their own: what this one holds on a GPU, it would hold until the sweep's end.
    (environment,) = run_environments(1, slots[0])
    estimate: Estimate = call_apart(estimate_run, portable(config), environment=environment, threads=threads(slots, 1))
    return estimate


def finish_sweep() -> None:
    """Print and write the table of the sweep that this process ran, whatever became of it; nothing without a sweep."""
    progress, SweepOverview.progress = SweepOverview.progress, None
    if progress is None:
        return
    folder = progress.folder
    rows = read_sweep(folder)
    for text in _summary(rows, progress.in_turn):
        _say(text)
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


def _summary(rows: Sequence[Row], in_turn: bool) -> Iterator[str]:
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
    if pauses and in_turn:
        yield f"Between the runs: {statistics.fmean(pauses):.2f} s, at most {max(pauses):.2f} s, without training."
    for row in rows:
        if row["error"]:
            yield f"Run {row['run']} {row['state']}: {row['error']}"


def _make_folder(folder: Path, key: str) -> None:
    if not is_first_process():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / ".writable", True)
        (folder / ".writable").unlink()
    except OSError as error:
        # Hydra turns a callback's exceptions into warnings, but not this one.
        sys.exit(f"the folder {folder} cannot be written: {error}. Choose another with {key}=DIR")


def _write_sheet(folder: Path, rows: Sequence[Row]) -> None:
    """Put the last sample pictures of all runs on one sheet: inputs on top, then a row a run."""
    if len(rows) > MOST_ON_SHEET:
        # Of a sweep that was continued with more points.
        (folder / SHEET).unlink(missing_ok=True)
        _say(f"More than {MOST_ON_SHEET} runs have no {SHEET}: filter and compare them in {REPORT}")
        return
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


def _cost(count: int, estimate: Estimate, slots: int) -> str:
    disk = f"{count * estimate.megabytes:.0f} MB of disk"
    if estimate.seconds is None:
        return disk
    at_a_time = f", {slots} runs at a time" if slots > 1 else ""
    return f"{_minutes(count * estimate.seconds / slots)} of training ({estimate.basis}{at_a_time}) and {disk}"


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)
