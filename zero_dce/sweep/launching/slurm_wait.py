"""Waiting for SLURM jobs: a run's ``result.json`` says what became of it, and the queue tells when to look for it.

A job may be killed in ways that leave no word, so a run without a result whose job has left the queue has failed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zero_dce.files import ensure_folder, write_json
from zero_dce.records.run import RESULT, read_result, result_time
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.sweep.launching.slurm_queue import QueuedJob, accounted_state, read_queue
from zero_dce.terminal import plain_text

log = logging.getLogger(__name__)
# slurmctld serves all users of a cluster, so it is not asked more often.
SECONDS_BETWEEN_LOOKS = 5.0
# A job between two states may be missing for a moment, and its result on a network disk appears a little later.
LOOKS_TO_BE_SURE = 2
# The settings to change after a job that ended in one of these states.
HINTS = {
    "OUT_OF_MEMORY": "more with hydra.launcher.mem_gb",
    "TIMEOUT": "hydra.launcher.timeout_min, and signal_delay_s, which must leave time to save",
}


@dataclass
class Submitted:
    """A run of a sweep that is a job in SLURM.

    Attributes:
        run: the run.
        job_id: the job's id in SLURM, ``12`` or ``12_3``.
        log: the file that its first process prints to.
        stale: the time stamp of a result that was there before the job.
        seen: the job as the queue last had it.
        missing: how many looks in a row have not found the job going on.
        ended: whether it is known what became of the run.
        earlier: whether it was in the queue before this process began.
    """

    run: SweepRun
    job_id: str
    log: Path
    stale: int | None = None
    seen: QueuedJob | None = None
    missing: int = 0
    ended: bool = False
    earlier: bool = False

    def look_at_result(self, may_come_back: bool) -> None:
        """Count the run as ended if its own result says so; an interrupted one may come back.

        So may one that failed as long as its job has not left the queue: SLURM may be about to requeue that, as after
        one of its processes was lost with a node.
        """
        if result_time(self.run.folder) == self.stale:
            return
        result = read_result(self.run.folder)
        if result and (result["state"] == "finished" or (result["state"] == "failed" and not may_come_back)):
            self._end(result)

    def look_at_queue(self, queued: QueuedJob | None) -> None:
        """Compare with the job as the queue has it now, and log what has changed."""
        if queued is None or queued.ended:
            self.seen = queued or self.seen
            self.missing += 1
            return
        if queued.restarts > (self.seen.restarts if self.seen else 0):
            log.info("Run %d went back into the queue and continues later (job %s)", self.run.number, self.job_id)
        if queued.state == "RUNNING" and queued != self.seen:
            log.info("Run %d started on %s (job %s); log: %s", self.run.number, queued.nodes, self.job_id, self.log)
        self.seen, self.missing = queued, 0

    def record_loss(self, accounting: bool) -> None:
        """Write in the run's result that its job left the queue without one; an interrupted run stays interrupted."""
        state = accounted_state(self.job_id) if accounting else None
        if state is None:
            state = self.seen.state if self.seen else "not known"
        hint = f" ({HINTS[state]})" if state in HINTS else ""
        error = f"SLURM job {self.job_id} ended before the run did, state {state}{hint}; its log: {self.log}"
        folder = self.run.folder
        result = read_result(folder)
        if result and result["state"] == "interrupted":
            write_json(folder / RESULT, {**result, "error": error})
        else:
            ensure_folder(folder)
            self.run.record_failure(error)
        result = read_result(folder)
        assert result is not None
        self._end(result)

    def _end(self, result: dict[str, Any]) -> None:
        self.ended = True
        error = plain_text(f": {result['error']}") if result["error"] else ""
        log.info("Run %d %s (job %s)%s; log: %s", self.run.number, result["state"], self.job_id, error, self.log)


def wait_for(submitted: Sequence[Submitted], accounting: bool) -> None:
    """Wait until each run has ended; log when one starts, ends, or goes back into the queue.

    ``accounting`` says whether ``sacct`` can tell why a job died.
    """
    answered = True
    left = list(submitted)
    while left:
        queue = _try_queue(answered, len(left))
        answered = queue is not None
        for submission in left:
            _look(submission, queue, accounting)
        left = [submission for submission in left if not submission.ended]
        if left:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _try_queue(answered: bool, waiting: int) -> dict[str, QueuedJob] | None:
    """Return the queue, or ``None`` if SLURM does not answer; log when that changes."""
    try:
        queue = read_queue()
    except ConnectionError as error:
        if answered:
            log.warning("SLURM does not answer (%s); %d runs are waited for all the same", error, waiting)
        return None
    if not answered:
        log.info("SLURM answers again")
    return queue


def _look(submission: Submitted, queue: dict[str, QueuedJob] | None, accounting: bool) -> None:
    queued = queue.get(submission.job_id) if queue is not None else None
    # A job that waits has no result to look for, and most jobs of a large sweep wait.
    if queued is None or queued.state != "PENDING":
        submission.look_at_result(may_come_back=queue is None or (queued is not None and not queued.ended))
    if queue is not None and not submission.ended:
        submission.look_at_queue(queued)
        if submission.missing >= LOOKS_TO_BE_SURE:
            submission.record_loss(accounting)
