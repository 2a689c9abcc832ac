"""A sweep from the command line, until its first run: what is checked, planned and said, and how far it is."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from zero_dce.files import read_json, write_json
from zero_dce.records.run import path_override, run_state
from zero_dce.records.sweep import PLAN
from zero_dce.sweep.end import finish_sweep
from zero_dce.sweep.estimate import Estimate, estimate_run, portable
from zero_dce.sweep.launching.environment import check_not_inside, run_environments
from zero_dce.sweep.launching.job import is_left
from zero_dce.sweep.launching.layout import expected_slots, in_sweeps_process, threads
from zero_dce.sweep.launching.processes import call_apart
from zero_dce.sweep.launching.slurm_queue import check_commands
from zero_dce.sweep.plan import command_line, new_jobs, place_jobs, plan_jobs, swept_keys
from zero_dce.sweep.search.plan import check_corners, is_search, open_plan, read_search
from zero_dce.terminal import minutes, say
from zero_dce.train.configuration import SICE_VARIABLE
from zero_dce.train.ending import at_end
from zero_dce.train.preflight import make_folder

# Where the classes of launchers are that sweeps work with: this package's, and Hydra's own of one process.
LAUNCHERS = ("hydra_plugins.zero_dce.", "hydra._internal.core_plugins.basic_launcher.")
SLURM_LAUNCHER = "hydra_plugins.zero_dce.slurm_launcher.SlurmLauncher"


@dataclass
class Progress:
    """How far the sweep of this process is: its folder, its number of runs, how many of them ended."""

    folder: Path
    count: int
    # Whether each run follows the one before: the time between them is known then.
    in_turn: bool = True
    ended: int = 0
    started: float = field(default_factory=time.monotonic)

    def run_ended(self) -> None:
        """Count a run as ended and say how far the sweep is."""
        self.ended += 1
        left = (time.monotonic() - self.started) / self.ended * max(0, self.count - self.ended)
        say(f"Run {self.ended} of {self.count} ended; about {minutes(left)} left.")


def begin_sweep(config: DictConfig) -> Progress:
    """Check a sweep, write its plan, and say the number of runs and what they will take.

    Raises:
        SystemExit: if it cannot work, with what to do.
    """
    try:
        check_sweep(config)
        slots = expected_slots(config)
    except ValueError as error:
        # Hydra turns a callback's exceptions into warnings, but not this one.
        sys.exit(str(error))
    folder = Path(config.hydra.sweep.dir).resolve()
    search = is_search(config)
    left = _begin_search(config, folder) if search else _begin_grid(config, folder)
    in_turn = len(slots) == 1 and not (search or config.resume or uses_slurm(config))
    progress = Progress(folder, left, in_turn)
    # Hydra 1.3 never calls on_multirun_end after a failed run.
    at_end(lambda: finish_sweep(progress.folder, progress.in_turn))
    _announce_cost(config, left, slots)
    progress.started = time.monotonic()
    return progress


def check_sweep(config: DictConfig) -> None:
    """Refuse ways of starting a sweep that cannot work.

    Raises:
        ValueError: if several processes were started to run the sweep, the launcher is one that would start runs in
            a way that does not go together with training, or it lacks what it needs.
    """
    check_not_inside("the sweep")
    launcher = config.hydra.launcher.get("_target_", "")
    if not launcher.startswith(LAUNCHERS):
        chosen = config.hydra.runtime.choices["hydra/launcher"]
        raise ValueError(
            f"hydra/launcher={chosen} does not go together with training: its runs would share one process's devices, "
            "and their results and failures get lost. Use hydra/launcher=local hydra.launcher.slots=N for N runs at a "
            "time on this machine (on GPUs slots=null: as many as there are), or hydra/launcher=slurm on a cluster"
        )
    if uses_slurm(config):
        check_commands()


def uses_slurm(config: DictConfig) -> bool:
    """Tell whether a sweep's runs are jobs of a SLURM cluster, and this process only waits for them."""
    return bool(config.hydra.launcher.get("_target_") == SLURM_LAUNCHER)


def _begin_grid(config: DictConfig, folder: Path) -> int:
    """Write the plan of a new grid, or read that of one to go on with; return how many runs are to come."""
    make_folder(folder, "hydra.sweep.dir")
    jobs = plan_jobs(config)
    if config.resume:
        return _continue(config, folder, jobs)
    if (folder / PLAN).exists():
        sys.exit(
            f"{folder} already holds a sweep: choose another hydra.sweep.dir, or continue it with "
            + path_override("resume", folder)
        )
    plan = {"jobs": jobs, "swept": swept_keys(config), **command_line(config)}
    write_json(folder / PLAN, plan)
    say(f"Sweep {config.sweep_name}: {len(jobs)} runs of {config.trainer.max_steps} steps in {folder}")
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
            f"{' '.join(plan['jobs'][0])!r}: give the sweep's own overrides, or {path_override('resume', folder)} "
            "alone, which repeats them. Another grid is another sweep, without resume="
        )
    if added:
        write_json(folder / PLAN, {**plan, "jobs": plan["jobs"] + added})
    states = [run_state(folder / str(number)) for number in range(len(plan["jobs"]))]
    counts = ", ".join(f"{count} {state}" for state, count in sorted(Counter(states).items()))
    say(f"Continuing the sweep in {folder}: {counts}.")
    if added:
        say(f"This grid has {len(added)} new points: runs {len(states)} to {len(states) + len(added) - 1}.")
    if dropped:
        say(f"{len(dropped)} runs of the sweep are not in this grid and stay as they are.")
    retry = config.hydra.launcher.get("retry_failed", False)
    failed = states.count("failed")
    if failed and not retry:
        say(f"{failed} failed runs stay so; hydra.launcher.retry_failed=true runs them again.")
    numbers = place_jobs(folder, jobs, 0, new=False)
    return sum(is_left(folder / str(number), retry) for number in numbers)


def _announce_cost(config: DictConfig, count: int, slots: list[list[str] | None]) -> None:
    if not count:
        return
    try:
        estimate = _estimate(config, slots)
    except Exception as error:
        # What is wrong stands in each run's own error; here it must not take the plan along.
        say(f"No estimate of time and disk: {error}")
        return
    say(f"About {_cost(count, estimate, len(slots))}.")


def _estimate(config: DictConfig, slots: list[list[str] | None]) -> Estimate:
    if uses_slurm(config) or in_sweeps_process(config, slots):
        # Of a cluster's nodes this machine tells nothing, and nobody trains on a login node.
        return estimate_run(config, timed=not uses_slurm(config))
    # Runs in processes of their own: what this one holds on a GPU, it would hold until the sweep's end.
    (environment,) = run_environments(1, slots[0])
    estimate: Estimate = call_apart(estimate_run, portable(config), environment=environment, threads=threads(slots, 1))
    return estimate


def _begin_search(config: DictConfig, folder: Path) -> int:
    """Write the plan of a new search, or check that of one to go on with; return how many runs are to come."""
    try:
        search = read_search(config)
        check_corners(config, search)
        make_folder(folder, "hydra.sweep.dir")
        begun = open_plan(folder, search, command_line(config))
    except (ValueError, ModuleNotFoundError) as error:
        # Hydra turns a callback's exceptions into warnings, but not this one.
        sys.exit(str(error))
    there = f", of which {begun} are there" if begun else ""
    say(
        f"Search {config.sweep_name}: {search.n_trials} runs of {config.trainer.max_steps} steps{there}, in {folder}\n"
        f"Searched: {', '.join(f'{key}={text}' for key, text in search.space.texts.items())}\n"
        f"Objectives: {', '.join(f'{direction} {name}' for name, direction in search.objectives.items())}"
    )
    # What a stopped worker has left goes on.
    ended = sum(run_state(folder / str(run)) in ("finished", "failed") for run in range(begun))
    return max(0, search.n_trials - ended)


def _cost(count: int, estimate: Estimate, slots: int) -> str:
    disk = f"{count * estimate.megabytes:.0f} MB of disk"
    if estimate.seconds is None:
        return disk
    at_a_time = f", {slots} runs at a time" if slots > 1 else ""
    return f"{minutes(count * estimate.seconds / slots)} of training ({estimate.basis}{at_a_time}) and {disk}"
