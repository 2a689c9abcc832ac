"""What SLURM's own commands tell of jobs. ``squeue`` decides; ``sacct``, which many clusters lack, adds a reason."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

NEEDED = ("sbatch", "srun", "squeue", "scancel", "scontrol")
# A job in one of these does not come back.
ENDED = frozenset(
    (
        *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"),
        *("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "DEADLINE", "REVOKED"),
    )
)
# squeue itself tries for some ten seconds to reach slurmctld.
SECONDS_TO_ANSWER = 60.0
COLUMNS = "JobArrayID:64,State:24,RestartCnt:12,NodeList:64"


@dataclass(frozen=True)
class Entry:
    """A job in the queue: its state, how often it was requeued, and where it runs."""

    state: str
    restarts: int
    nodes: str

    @property
    def ended(self) -> bool:
        """Whether the job does not come back."""
        return self.state in ENDED


def check_commands() -> None:
    """Return if SLURM's commands and submitit are there.

    Raises:
        ValueError: if one is missing.
    """
    missing = [command for command in NEEDED if not shutil.which(command)]
    if missing:
        raise ValueError(
            f"hydra/launcher=slurm needs {', '.join(missing)} in PATH: start the sweep on a login node of the cluster, "
            "or without hydra/launcher=slurm to run it on this machine"
        )
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise ValueError(f"hydra/launcher=slurm needs submitit ({error}): pip install 'zero_dce[slurm]'") from error


def read_queue() -> dict[str, Entry]:
    """Return this user's jobs by their ids (``12``, and ``12_3`` in an array), also those that ended a moment ago.

    Raises:
        ConnectionError: if slurmctld does not answer.
    """
    text = _ask("squeue", "--me", "--array", "--noheader", "--states=all", f"--Format={COLUMNS}")
    entries = {}
    for line in text.splitlines():
        # Of a job that waits the list of nodes is empty.
        identifier, state, restarts, *nodes = line.split()
        entries[identifier] = Entry(state, int(restarts), " ".join(nodes))
    return entries


def why_no_accounting() -> str | None:
    """Say why ``sacct`` cannot tell how a job ended; ``None`` where it can."""
    if not shutil.which("sacct"):
        return "there is no sacct"
    try:
        _ask("sacct", "--noheader", "--allocations", "--format=State", "--starttime=now")
    except ConnectionError as error:
        return str(error)
    return None


def accounted_state(job: str) -> str | None:
    """Return how a job ended by SLURM's accounting, such as ``OUT_OF_MEMORY``; ``None`` where it does not know."""
    try:
        text = _ask("sacct", "--noheader", "--allocations", "--parsable2", "--format=State", f"--jobs={job}")
    except (ConnectionError, FileNotFoundError):
        return None
    # The last line is of the last part of a requeued job; "CANCELLED by 0" names a user.
    lines = text.split("\n")
    states = [line.split()[0] for line in lines if line.strip()]
    return states[-1] if states else None


def cancel(jobs: Iterable[str]) -> None:
    """Cancel jobs; those that have ended do not matter.

    Raises:
        ConnectionError: if that could not be asked for.
    """
    _ask(*cancel_command(jobs))


def cancel_command(jobs: Iterable[str]) -> list[str]:
    """Return the command that cancels jobs."""
    return ["scancel", *dict.fromkeys(job.partition("_")[0] for job in jobs)]


def _ask(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False)
    except subprocess.TimeoutExpired as error:
        raise ConnectionError(f"{command[0]} did not answer within {SECONDS_TO_ANSWER:.0f} s") from error
    if answer.returncode:
        lines = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
        raise ConnectionError(f"{command[0]} says: {lines[-1]}")
    return answer.stdout
