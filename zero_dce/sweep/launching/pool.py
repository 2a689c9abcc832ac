"""Runs in fresh processes, as many at a time as there are slots; whatever happens, none is left behind."""

from __future__ import annotations

import logging
import signal
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from zero_dce.records.run import read_result, result_time
from zero_dce.sweep.launching.environment import run_environments
from zero_dce.sweep.launching.job import Job
from zero_dce.sweep.launching.layout import Layout
from zero_dce.sweep.launching.processes import start_rank

if TYPE_CHECKING:
    from zero_dce.sweep.overview import Progress

log = logging.getLogger(__name__)
# When a process of a run has ended, the others get this long to do so too: they may wait for it for ever.
SECONDS_TO_FOLLOW = 20.0
# After Ctrl-C, to write a checkpoint and the result.
SECONDS_TO_STOP = 60.0


@dataclass
class Running:
    """A run that goes on: its processes by rank, and when the first of them ended."""

    job: Job
    slot: int
    ranks: list[BaseProcess]
    stale: int | None
    began: float = field(default_factory=time.monotonic)
    first_ended: float | None = None
    first_rank: int | None = None

    def alive(self) -> list[BaseProcess]:
        """Return the processes that go on, and note the first one that does not."""
        alive = [process for process in self.ranks if process.is_alive()]
        if self.first_ended is None and len(alive) < len(self.ranks):
            ended = [rank for rank, process in enumerate(self.ranks) if process.exitcode is not None]
            # Of several that ended meanwhile, one that was killed explains the others.
            self.first_rank = min(ended, key=lambda rank: self.ranks[rank].exitcode or 0)
            self.first_ended = time.monotonic()
        return alive


class Pool:
    """Starts runs in slots, waits for free ones, and ends all processes when it is left.

    Args:
        layout: the slots and the processes of each run.
        settings: of Hydra, for every run.
        progress: counts the runs that ended.
    """

    def __init__(self, layout: Layout, settings: Sequence[str], progress: Progress | None = None) -> None:
        self.layout, self.settings, self.progress = layout, settings, progress
        self.running: list[Running] = []
        self.beside_training: list[float] = []

    def __enter__(self) -> Pool:
        """Begin with no run."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what is left, as after Ctrl-C or SIGTERM, which the command line turns into an exception."""
        if self.running:
            self._stop_all()

    def start(self, job: Job) -> None:
        """Start a run as soon as a slot is free."""
        while len(self.running) == len(self.layout.slots):
            self._wait()
        slot = next(iter({*range(len(self.layout.slots))} - {run.slot for run in self.running}))
        job.run.mkdir(parents=True, exist_ok=True)
        environments = run_environments(self.layout.processes[job.number], self.layout.slots[slot])
        settings = [*self.layout.overrides, *self.settings]
        lines = [job.arguments(settings, rank) for rank in range(len(environments))]
        running = Running(job, slot, [], result_time(job.run))
        self.running.append(running)
        for rank, (line, environment) in enumerate(zip(lines, environments, strict=True)):
            running.ranks.append(start_rank(line, environment, self.layout.threads, self._output(job, rank)))

    def drain(self) -> None:
        """Wait for all runs that go on."""
        while self.running:
            self._wait()

    def describe(self) -> None:
        """Say what starting and ending fresh processes took."""
        if self.beside_training:
            mean, most = statistics.fmean(self.beside_training), max(self.beside_training)
            log.info("Fresh processes: %.2f s a run beside training, at most %.2f s", mean, most)

    def _output(self, job: Job, rank: int) -> Any:
        # A single run at a time shows itself as it would alone.
        if rank == 0 and len(self.layout.slots) == 1:
            return None
        return job.run / ("output.log" if rank == 0 else f"output_rank_{rank}.log")

    def _wait(self) -> None:
        """Wait until something has ended, and see to what that means."""
        wait([process.sentinel for run in self.running for process in run.alive()], timeout=1.0)
        for run in list(self.running):
            alive = run.alive()
            if alive and run.first_ended is not None and time.monotonic() > run.first_ended + SECONDS_TO_FOLLOW:
                for process in alive:
                    process.kill()
                    process.join()
                alive = []
            if not alive:
                self.running.remove(run)
                self._ended(run)

    def _ended(self, run: Running) -> None:
        # One from before this start says nothing of it.
        fresh = result_time(run.job.run) != run.stale
        result = read_result(run.job.run) if fresh else None
        first = run.first_rank or 0
        if result is None or (result["state"] == "failed" and (first or (run.ranks[first].exitcode or 0) < 0)):
            run.job.explain(_describe(run, first))
        elif result.get("training_ended"):
            training = result["training_ended"] - result["training_began"]
            self.beside_training.append(time.monotonic() - run.began - training)
        if self.progress is not None:
            self.progress.run_ended()
        for process in run.ranks:
            process.close()

    def _stop_all(self) -> None:
        """Ask all processes to write a checkpoint and their result, and wait for them; then kill what is left."""
        left = [process for run in self.running for process in run.ranks if process.is_alive()]
        for process in left:
            process.terminate()
        log.info("Stopping %d processes; once more to kill them", len(left))
        try:
            until = time.monotonic() + SECONDS_TO_STOP
            for process in left:
                process.join(max(0.0, until - time.monotonic()))
        finally:
            for process in left:
                if process.is_alive():
                    process.kill()
                    process.join()
            self.running.clear()


def _describe(run: Running, rank: int) -> str:
    """Say how the first process ended: the others follow it, and their own errors explain nothing."""
    code = run.ranks[rank].exitcode or 0
    how = f"was killed by signal {-code} ({_signal_name(-code)})" if code < 0 else f"ended with exit code {code}"
    who = f"process {rank} of {len(run.ranks)}" if len(run.ranks) > 1 else "its process"
    return f"{who} {how}; what it printed is in {run.job.run}"


def _signal_name(number: int) -> str:
    # Real-time signals have none.
    return signal.Signals(number).name if number in {*signal.Signals} else "no name"
