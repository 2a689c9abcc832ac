"""Runs in fresh processes, as many at a time as there are slots; whatever happens, no process is left behind."""

from __future__ import annotations

import logging
import signal
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from zero_dce.files import ensure_folder
from zero_dce.records.run import read_result, result_time
from zero_dce.sweep.launching.environment import run_environments
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.sweep.launching.layout import Placement
from zero_dce.sweep.launching.processes import start_rank

if TYPE_CHECKING:
    from zero_dce.sweep.overview import SweepProgress

log = logging.getLogger(__name__)
# When a process of a run has ended, the others get this long to end too: they may wait for it for ever.
SECONDS_TO_FOLLOW = 20.0
# After Ctrl-C a run gets this long to write a checkpoint and its result.
SECONDS_TO_STOP = 60.0


@dataclass
class ActiveRun:
    """A run that goes on: its processes by rank, and when the first of them ended.

    ``stale`` is the time stamp of a result that was there before the start.
    """

    run: SweepRun
    slot: int
    ranks: list[BaseProcess]
    stale: int | None
    began: float = field(default_factory=time.monotonic)
    first_ended: float | None = None
    first_rank: int | None = None

    def alive(self) -> list[BaseProcess]:
        """Return the processes that go on, and note which one ended first."""
        alive = [process for process in self.ranks if process.is_alive()]
        if self.first_ended is None and len(alive) < len(self.ranks):
            ended = [rank for rank, process in enumerate(self.ranks) if process.exitcode is not None]
            # If several ended since the last look, one that was killed explains the others.
            self.first_rank = min(ended, key=lambda rank: self.ranks[rank].exitcode or 0)
            self.first_ended = time.monotonic()
        return alive

    def must_end(self) -> bool:
        """Return whether the first process ended so long ago that the others will not follow by themselves."""
        return self.first_ended is not None and time.monotonic() > self.first_ended + SECONDS_TO_FOLLOW

    def explain(self) -> str:
        """Say how the first process ended: the others follow it, and their own errors explain nothing."""
        rank = self.first_rank or 0
        code = self.ranks[rank].exitcode or 0
        how = f"was killed by signal {-code} ({_signal_name(-code)})" if code < 0 else f"ended with exit code {code}"
        who = f"process {rank} of {len(self.ranks)}" if len(self.ranks) > 1 else "its process"
        if code == -signal.SIGABRT and len(self.ranks) > 1:
            how += (
                ", as NCCL ends one that has waited for the others in vain (trainer.strategy.timeout.minutes of "
                "trainer=ddp)"
            )
        return f"{who} {how}; what it printed is in {self.run.folder}"


class Pool:
    """Starts runs in slots, waits for free slots, and ends all processes when it is left.

    All runs get Hydra's settings; the progress counts those that have ended.
    """

    def __init__(self, placement: Placement, settings: Sequence[str], progress: SweepProgress | None = None) -> None:
        self.placement, self.settings, self.progress = placement, settings, progress
        self.active: list[ActiveRun] = []
        self.overheads: list[float] = []

    def __enter__(self) -> Pool:
        """Begin without any run."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what is left after Ctrl-C or SIGTERM, which the command line turns into an exception."""
        if self.active:
            self._stop_all()

    def start(self, run: SweepRun) -> None:
        """Start a run as soon as a slot is free."""
        slots = self.placement.slots
        while len(self.active) == len(slots):
            self._wait()
        slot = min(set(range(len(slots))) - {active.slot for active in self.active})
        ensure_folder(run.folder)
        environments = run_environments(self.placement.processes[run.number], slots[slot])
        settings = [*self.placement.overrides, *self.settings]
        lines = [run.arguments(settings, rank) for rank in range(len(environments))]
        active = ActiveRun(run, slot, [], result_time(run.folder))
        self.active.append(active)
        for rank, (line, environment) in enumerate(zip(lines, environments, strict=True)):
            active.ranks.append(start_rank(line, environment, self.placement.threads, self._output(run, rank)))

    def drain(self) -> None:
        """Wait for all runs that go on."""
        while self.active:
            self._wait()

    def log_overhead(self) -> None:
        """Log the time that starting and ending fresh processes took."""
        if self.overheads:
            mean, most = statistics.fmean(self.overheads), max(self.overheads)
            log.info("Fresh processes: %.2f s a run beside training, at most %.2f s", mean, most)

    def _output(self, run: SweepRun, rank: int) -> Path | None:
        # Where one run goes on at a time, its first process prints to the terminal, as a single run does.
        if rank == 0 and len(self.placement.slots) == 1:
            return None
        return run.folder / ("output.log" if rank == 0 else f"output_rank_{rank}.log")

    def _wait(self) -> None:
        """Wait until a process has ended, and deal with the runs that are over."""
        wait([process.sentinel for active in self.active for process in active.alive()], timeout=1.0)
        for active in list(self.active):
            alive = active.alive()
            if alive and active.must_end():
                _kill(alive)
                alive = []
            if not alive:
                self.active.remove(active)
                self._ended(active)

    def _ended(self, active: ActiveRun) -> None:
        folder = active.run.folder
        # A result from before this start says nothing about it.
        result = read_result(folder) if result_time(folder) != active.stale else None
        first = active.first_rank or 0
        if result is None or (result["state"] == "failed" and (first or (active.ranks[first].exitcode or 0) < 0)):
            active.run.record_failure(active.explain())
        elif result.get("training_ended"):
            training = result["training_ended"] - result["training_began"]
            self.overheads.append(time.monotonic() - active.began - training)
        if self.progress is not None:
            self.progress.run_ended()
        for process in active.ranks:
            process.close()

    def _stop_all(self) -> None:
        """Ask all processes to write a checkpoint and their result, and wait for them; then kill what is left."""
        left = [process for active in self.active for process in active.ranks if process.is_alive()]
        for process in left:
            process.terminate()
        log.info("Stopping %d processes; once more to kill them", len(left))
        try:
            until = time.monotonic() + SECONDS_TO_STOP
            for process in left:
                process.join(max(0.0, until - time.monotonic()))
        finally:
            _kill([process for process in left if process.is_alive()])
            self.active.clear()


def _kill(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.kill()
        process.join()


def _signal_name(number: int) -> str:
    # Real-time signals have no name.
    return signal.Signals(number).name if number in {*signal.Signals} else "no name"
