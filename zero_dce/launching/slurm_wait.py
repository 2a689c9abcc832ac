"""Waiting for SLURM jobs: what became of a run is what its ``result.json`` says, and the queue tells when to look.

A job may be killed in ways that leave no word, so a run without a result whose job has left the queue has failed.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from zero_dce.launching.slurm_queue import Entry, accounted_state, read_queue
from zero_dce.records import RESULT, read_json, write_json
from zero_dce.run_folder import read_rows

log = logging.getLogger(__name__)
# slurmctld serves all users of a cluster.
SECONDS_BETWEEN_LOOKS = 5.0
# A job between two states may be missing for a moment, and its result on a network disk appears a little later.
LOOKS_TO_BE_SURE = 2
# States that say what to change.
HINTS = {
    "OUT_OF_MEMORY": "more with hydra.launcher.mem_gb",
    "TIMEOUT": "hydra.launcher.timeout_min, and signal_delay_s, which must leave time to save",
}


class RunError(RuntimeError):
    """A run of a sweep did not finish; the message says which and why."""


@dataclass
class Run:
    """A run of a sweep and its job.

    Attributes:
        number: of the run.
        overrides: the run's own.
        folder: the run's.
        job: its id in SLURM, ``12`` or ``12_3``; empty until it is submitted.
        log: the file of what its first process prints.
        stale: time stamp of a result from before the job.
        seen: the queue's entry when it last had one.
        missing: how many looks in a row have not found it going on.
        ended: whether it is known what became of it.
    """

    number: int
    overrides: tuple[str, ...]
    folder: Path
    job: str = ""
    log: Path = Path()
    stale: int | None = field(init=False)
    seen: Entry | None = None
    missing: int = 0
    ended: bool = False

    def __post_init__(self) -> None:
        self.stale = self._written()

    def result(self) -> dict[str, Any] | None:
        """Return what the job wrote at its end; ``None`` as long as there is nothing of this job."""
        return None if self._written() == self.stale else read_json(self.folder / RESULT)

    def look_at_result(self) -> None:
        """Count the run as ended if it has said itself what became of it; an interrupted one may come back."""
        result = self.result()
        if result and result["state"] in ("finished", "failed"):
            self._end(result)

    def look_at_queue(self, entry: Entry | None) -> None:
        """Compare with the queue, and say what has changed."""
        if entry is None or entry.ended:
            self.seen = entry or self.seen
            self.missing += 1
        else:
            self._say_changes(entry)
            self.seen, self.missing = entry, 0

    def lost(self, accounting: bool) -> None:
        """Write the result of a run whose job has left the queue without one; one that was interrupted keeps its."""
        state = (accounted_state(self.job) if accounting else None) or (self.seen.state if self.seen else "not known")
        hint = f" ({HINTS[state]})" if state in HINTS else ""
        error = f"SLURM job {self.job} ended without finishing, state {state}{hint}; its log: {self.log}"
        result = self.result() or {
            "name": None,
            "weights": _weights(self.folder),
            "last_step": max(read_rows(self.folder / "metrics.csv"), default=0),
            "measures": {},
        }
        state = result.get("state", "failed")
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / RESULT, {**result, "state": state, "error": error})
        self._end({"state": state, "error": error})

    def returned(self) -> JobReturn:
        """Return what Hydra wants to know of an ended run."""
        result = read_json(self.folder / RESULT)
        if result["state"] == "finished":
            return JobReturn(overrides=self.overrides, status=JobStatus.COMPLETED)
        error = RunError(f"run {self.number} {result['state']}: {result['error']}")
        return JobReturn(overrides=self.overrides, status=JobStatus.FAILED, _return_value=error)

    def _written(self) -> int | None:
        try:
            return (self.folder / RESULT).stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _say_changes(self, entry: Entry) -> None:
        if entry.restarts > (self.seen.restarts if self.seen else 0):
            log.info("Run %d was put back into the queue and continues later (job %s)", self.number, self.job)
        if entry.state == "RUNNING" and (self.seen is None or entry != self.seen):
            log.info("Run %d started on %s (job %s); log: %s", self.number, entry.nodes, self.job, self.log)

    def _end(self, result: dict[str, Any]) -> None:
        self.ended = True
        error = f": {result['error']}" if result["error"] else ""
        log.info("Run %d %s (job %s)%s; log: %s", self.number, result["state"], self.job, error, self.log)


def wait_for(runs: Sequence[Run], accounting: bool) -> None:
    """Wait until each run has ended; say when one starts, ends, or goes back into the queue.

    Args:
        runs: with their jobs.
        accounting: whether ``sacct`` can tell why a job died.
    """
    silent = False
    while left := [run for run in runs if not run.ended]:
        try:
            queue = read_queue()
        except ConnectionError as error:
            if not silent:
                log.warning("SLURM does not answer (%s); %d jobs are waited for all the same", error, len(left))
            silent = True
            queue = {}
        else:
            if silent:
                log.info("SLURM answers again")
            silent = False
        for run in left:
            run.look_at_result()
            if not run.ended and not silent:
                run.look_at_queue(queue.get(run.job))
                if run.missing >= LOOKS_TO_BE_SURE:
                    run.lost(accounting)
        if not all(run.ended for run in runs):
            time.sleep(SECONDS_BETWEEN_LOOKS)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end the waiting as Ctrl-C does; the exception's argument is the exit code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _: object) -> NoReturn:
    raise KeyboardInterrupt(128 + number)


def _weights(run: Path) -> Any:
    file = run / ".hydra" / "config.yaml"
    return OmegaConf.to_container(OmegaConf.load(file).loss.weights) if file.is_file() else None
