"""A sweep until its first run: it is checked, planned and announced; then its progress is counted."""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from zero_dce.files import write_json
from zero_dce.records.run import path_override, run_state
from zero_dce.records.sweep import PLAN, read_plan, run_folder
from zero_dce.sweep.check import check_points, check_sweep, uses_slurm
from zero_dce.sweep.launching.job import is_left
from zero_dce.sweep.plan import command_line, new_jobs, number_jobs, plan_jobs, run_folders, swept_keys
from zero_dce.sweep.search.plan import check_corners, is_search, open_plan, read_search
from zero_dce.terminal import explain, minutes, say
from zero_dce.train.configuration import SICE_VARIABLE
from zero_dce.train.continuing import given_words
from zero_dce.train.ending import at_end
from zero_dce.train.preflight import make_folder, own_folder


@dataclass
class SweepProgress:
    """The progress of this process's sweep: how many runs are to come, and how many have ended."""

    count: int
    ended: int = 0
    started: float = field(default_factory=time.monotonic)

    def run_ended(self) -> None:
        """Count a run as ended and print how far the sweep is."""
        self.ended += 1
        left = (time.monotonic() - self.started) / self.ended * max(0, self.count - self.ended)
        say(f"Run {self.ended} of {self.count} ended; about {minutes(left)} left.")


def begin_sweep(config: DictConfig) -> SweepProgress:
    """Check a sweep, write its plan, and print the number of runs and what they will take.

    Raises:
        SystemExit: if it cannot work, with what to do. Hydra turns other exceptions of a callback into warnings.
    """
    search = is_search(config)
    try:
        check_sweep(config)
        jobs = [] if search else plan_jobs(config)
        check_points(config, jobs)
        # PyTorch, for which a mistake in the command line need not wait, is imported from here on.
        from zero_dce.sweep.launching.layout import expected_slots

        slots = expected_slots(config)
        folder = Path(config.hydra.sweep.dir).resolve()
        count = _begin_search(config, folder) if search else _begin_grid(config, folder, jobs)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.exit(explain(error))
    in_turn = len(slots) == 1 and not (search or config.resume or uses_slurm(config))
    # What a grid that begins runs over may come from files of one's own.
    given = [*given_words(config.hydra), *(dict.fromkeys(itertools.chain(*jobs)) if config.resume is None else ())]
    # Hydra 1.3 never calls on_multirun_end after a failed run.
    at_end(partial(_finish, folder, in_turn, given))
    if count:
        from zero_dce.sweep.cost import announce_cost

        announce_cost(config, count, slots)
    return SweepProgress(count)


def _finish(folder: Path, in_turn: bool, given: Sequence[str] | None) -> None:
    from zero_dce.sweep.end import finish_sweep

    finish_sweep(folder, in_turn, given)


def _begin_grid(config: DictConfig, folder: Path, jobs: list[list[str]]) -> int:
    """Write the plan of a new grid, or extend that of a continued one; return how many runs are to come.

    The folder is this process's own from here on: of several that begin the same sweep at once, one runs it.
    """
    own_folder(folder, "hydra.sweep.dir")
    if config.resume:
        return _continue_grid(config, folder, jobs)
    if (folder / PLAN).exists():
        raise ValueError(
            f"{folder} already holds a sweep: choose another hydra.sweep.dir, or continue it with "
            + path_override("resume", folder)
        )
    folders = run_folders(config, dict(enumerate(jobs)), {})
    plan = {"jobs": jobs, "swept": swept_keys(config), **command_line(config)}
    write_json(folder / PLAN, {**plan, "folders": folders} if folders else plan)
    say(f"Sweep {config.sweep_name}: {len(jobs)} runs of {config.trainer.max_steps} steps in {folder}")
    return len(jobs)


def _continue_grid(config: DictConfig, folder: Path, jobs: list[list[str]]) -> int:
    """Add the new points of a continued grid to its plan, print what is left, and return how many runs that is."""
    plan = read_plan(folder)
    planned = plan["jobs"]
    _check_same_data(config, folder, plan["data"])
    added = new_jobs(planned, jobs)
    if len(added) == len(jobs):
        point = added[0] if added else []
        raise ValueError(
            f"no run of {folder} is one of this grid, whose first is {' '.join(point)!r} and not "
            f"{' '.join(planned[0])!r}: give the sweep's own overrides, or {path_override('resume', folder)} "
            "alone, which repeats them. Another grid is another sweep, without resume="
        )
    if added:
        folders = run_folders(config, dict(enumerate(added, start=len(planned))), plan.get("folders", {}))
        # The new points may differ by keys that had one value before.
        swept = [*dict.fromkeys([*plan["swept"], *swept_keys(config)])]
        extended = {**plan, "jobs": planned + added, "swept": swept}
        write_json(folder / PLAN, {**extended, "folders": folders} if folders else extended)
    states = [run_state(run_folder(folder, plan, number)) for number in range(len(planned))]
    counts = ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()))
    say(f"Continuing the sweep in {folder}: {counts}.")
    if added:
        say(f"This grid has {len(added)} new points: runs {len(planned)} to {len(planned) + len(added) - 1}.")
    dropped = new_jobs(jobs, planned)
    if dropped:
        say(f"{len(dropped)} runs of the sweep are not in this grid and stay as they are.")
    retry = _is_failed_retried(config, states)
    numbers = number_jobs(folder, jobs, 0, new=False)
    return sum(is_left(run_folder(folder, plan, number), retry) for number in numbers)


def _is_failed_retried(config: DictConfig, states: Sequence[str]) -> bool:
    """Tell whether failed runs are carried out again, and print what would do so if there are some."""
    retry = bool(config.hydra.launcher.get("retry_failed", False))
    failed = states.count("failed")
    if failed and not retry:
        say(f"{failed} failed runs stay so; hydra.launcher.retry_failed=true runs them again.")
    return retry


def _check_same_data(config: DictConfig, folder: Path, before: str) -> None:
    choice = config.hydra.runtime.choices.data
    if choice != before:
        raise ValueError(
            f"{folder} was begun with data={before} and now data={choice} is chosen: give data={before}, "
            f"or {SICE_VARIABLE} in the environment as it was then"
        )


def _begin_search(config: DictConfig, folder: Path) -> int:
    """Write the plan of a new search, or check that of a continued one; return how many runs are to come."""
    search = read_search(config)
    check_corners(config, search)
    make_folder(folder, "hydra.sweep.dir")
    begun = open_plan(folder, search, command_line(config))
    there = f", of which {begun} are there" if begun else ""
    say(
        f"Search {config.sweep_name}: {search.n_trials} runs of {config.trainer.max_steps} steps{there}, in {folder}\n"
        f"Searched: {', '.join(f'{key}={text}' for key, text in search.space.texts.items())}\n"
        f"Objectives: {', '.join(f'{direction} {name}' for name, direction in search.objectives.items())}"
    )
    states = [run_state(folder / str(run)) for run in range(begun)]
    # The runs that a killed worker left unfinished go on, so they are still to come.
    over = ("finished",) if _is_failed_retried(config, states) else ("finished", "failed")
    return max(0, search.n_trials - sum(state in over for state in states))
