"""The end of a run that a signal stopped: a SLURM job is requeued, others are told how to go on."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zero_dce.callbacks.checkpoints import LAST
from zero_dce.cluster import slurm_job
from zero_dce.interruption import REQUEUE, Interrupted, StopSignals
from zero_dce.records import is_first_process, read_json, resume_command, write_json

log = logging.getLogger(__name__)
# How often in a row a run is requeued that gets nowhere: its time limit may be shorter than its start takes.
MOST_WITHOUT_A_STEP = 3
# In the run's folder: how often in a row that was.
COUNT = "requeues.json"
SECONDS_FOR_SCONTROL = 60.0
# SLURM ends a job that it requeues within seconds.
SECONDS_TO_BE_ENDED = 300.0


class RequeueError(OSError):
    """A job that was to be requeued was not; the message says why and how to go on by hand."""


@contextmanager
def requeue_when_stopped(run: Path, signals: StopSignals, in_sweep: bool) -> Iterator[None]:
    """After a run that :class:`~zero_dce.interruption.Interrupted` ended: requeue its SLURM job, or say how to go on.

    The job is requeued at SIGUSR1 and SIGUSR2. It must be the outermost block of a run, so that everything is written
    and closed: it goes on until SLURM ends the process, and passes the exception on then.

    Args:
        run: the run's folder.
        signals: open around this block.
        in_sweep: the run is one of several of this process; the job would begin the sweep anew and is not requeued.

    Raises:
        RequeueError: if the job was not requeued, instead of the exception.
    """
    try:
        yield
    except Interrupted as stop:
        job = slurm_job() if stop.signal in REQUEUE and not in_sweep else None
        if job is not None:
            _requeue(job, stop, run, signals)
        elif is_first_process():
            log.warning(_describe(stop, run))
        raise


def _requeue(job: str, stop: Interrupted, run: Path, signals: StopSignals) -> None:
    signals.terminated = False
    first = is_first_process()
    if first:
        _count(job, stop, run)
        _scontrol(job, run, signals)
    # A process that ended by itself now could end the job before SLURM has requeued it.
    ended = _wait(signals)
    if first and not ended:
        raise RequeueError(
            f"SLURM accepted to requeue job {job} and has not ended it within {SECONDS_TO_BE_ENDED:.0f} s. "
            f"{_continue_with(run)}"
        ) from None


def _count(job: str, stop: Interrupted, run: Path) -> None:
    """Count how often in a row the run got nowhere, and refuse to go on like that for ever."""
    file = run / COUNT
    if stop.saved:
        file.unlink(missing_ok=True)
        return
    count = 1 + (read_json(file) or {"without_a_step": 0})["without_a_step"]
    if count > MOST_WITHOUT_A_STEP:
        file.unlink()
        raise RequeueError(
            f"job {job} was stopped {count} times in a row before it had saved a step, and is not requeued again: its "
            f"time limit may be shorter than its start takes. Give it more, by sbatch --time. {_continue_with(run)}"
        ) from None
    write_json(file, {"without_a_step": count})


def _scontrol(job: str, run: Path, signals: StopSignals) -> None:
    command = ["scontrol", "requeue", job]
    log.warning("stopped for SLURM, which is asked to start job %s again: %s", job, " ".join(command))
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            check=False,
            timeout=SECONDS_FOR_SCONTROL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RequeueError(f"job {job} was not requeued: {error}. {_continue_with(run)}") from None
    # SLURM may end the job, and with it the command, before that has answered.
    if done.returncode > 0 or (done.returncode < 0 and not signals.terminated):
        said = done.stdout.strip() or "nothing"
        raise RequeueError(
            f"job {job} was not requeued: {' '.join(command)} ended with {done.returncode} and said: {said}. "
            f"{_continue_with(run)}"
        ) from None


def _wait(signals: StopSignals) -> bool:
    """Wait for SLURM to end this process; tell whether it does."""
    until = time.monotonic() + SECONDS_TO_BE_ENDED
    while not signals.terminated and time.monotonic() < until:
        time.sleep(0.1)
    return signals.terminated


def _continue_with(run: Path) -> str:
    if (run / "checkpoints" / LAST).is_file():
        return f"Continue with: {resume_command(run)}"
    return f"There is no {Path('checkpoints') / LAST} to continue from: start the run anew"


def _describe(stop: Interrupted, run: Path) -> str:
    """Say when a run was stopped and how it goes on."""
    when = "before training began" if stop.step is None else f"after step {stop.step}"
    lost = ""
    if stop.step is not None and not stop.saved:
        lost = " WITHOUT a checkpoint of that step, because callbacks.checkpoints is null"
    return f"stopped by {stop.signal.name} {when}{lost}. {_continue_with(run)}"
