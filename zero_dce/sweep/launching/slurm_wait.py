"""Waiting for SLURM jobs: what became of a run is what its ``result.json`` says, and the queue tells when to look.

A job may be killed in ways that leave no word, so a run without a result whose job has left the queue has failed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zero_dce.files import write_json
from zero_dce.records.run import RESULT, read_result, result_time
from zero_dce.sweep.launching.job import Job
from zero_dce.sweep.launching.slurm_queue import Entry, accounted_state, read_queue

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


@dataclass
class Submitted:
    """A run of a sweep that is a job in SLURM.

    Attributes:
        run: the run.
        job: its id in SLURM, ``12`` or ``12_3``.
        log: the file of what its first process prints.
        stale: time stamp of a result from before the job.
        seen: the queue's entry when it last had one.
        missing: how many looks in a row have not found it going on.
        ended: whether it is known what became of it.
    """

    run: Job
    job: str
    log: Path
    stale: int | None = None
    seen: Entry | None = None
    missing: int = 0
    ended: bool = False

    def look_at_result(self) -> None:
        """Count the run as ended if it has said itself what became of it; an interrupted one may come back."""
        if result_time(self.run.run) == self.stale:
            return
        result = read_result(self.run.run)
        if result and result["state"] in ("finished", "failed"):
            self._end(result)

    def look_at_queue(self, entry: Entry | None) -> None:
        """Compare with the queue, and say what has changed."""
        if entry is None or entry.ended:
            self.seen, self.missing = entry or self.seen, self.missing + 1
            return
        if entry.restarts > (self.seen.restarts if self.seen else 0):
            log.info("Run %d went back into the queue and continues later (job %s)", self.run.number, self.job)
        if entry.state == "RUNNING" and entry != self.seen:
            log.info("Run %d started on %s (job %s); log: %s", self.run.number, entry.nodes, self.job, self.log)
        self.seen, self.missing = entry, 0

    def lost(self, accounting: bool) -> None:
        """Say in a run's result that its job has left the queue without one; what was interrupted stays so."""
        state = (accounted_state(self.job) if accounting else None) or (self.seen.state if self.seen else "not known")
        hint = f" ({HINTS[state]})" if state in HINTS else ""
        error = f"SLURM job {self.job} ended before the run did, state {state}{hint}; its log: {self.log}"
        result = read_result(self.run.run)
        if result and result["state"] == "interrupted":
            write_json(self.run.run / RESULT, {**result, "error": error})
        else:
            self.run.run.mkdir(parents=True, exist_ok=True)
            self.run.explain(error)
        result = read_result(self.run.run)
        assert result is not None
        self._end(result)

    def _end(self, result: dict[str, Any]) -> None:
        self.ended = True
        error = f": {result['error']}" if result["error"] else ""
        log.info("Run %d %s (job %s)%s; log: %s", self.run.number, result["state"], self.job, error, self.log)


def wait_for(submitted: Sequence[Submitted], accounting: bool) -> None:
    """Wait until each run has ended; say when one starts, ends, or goes back into the queue.

    Args:
        submitted: the runs.
        accounting: whether ``sacct`` can tell why a job died.
    """
    answers = True
    while left := [job for job in submitted if not job.ended]:
        try:
            queue = read_queue()
        except ConnectionError as error:
            if answers:
                log.warning("SLURM does not answer (%s); %d runs are waited for all the same", error, len(left))
            answers = False
        else:
            if not answers:
                log.info("SLURM answers again")
            answers = True
        for job in left:
            entry = queue.get(job.job) if answers else None
            # A job that waits has no result to look for, and of a large sweep most do.
            if entry is None or entry.state != "PENDING":
                job.look_at_result()
            if answers and not job.ended:
                job.look_at_queue(entry)
                if job.missing >= LOOKS_TO_BE_SURE:
                    job.lost(accounting)
        if not all(job.ended for job in left):
            time.sleep(SECONDS_BETWEEN_LOOKS)
