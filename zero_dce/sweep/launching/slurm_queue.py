"""What SLURM's own commands tell about jobs. ``squeue`` decides; ``sacct``, which many clusters lack, adds a reason."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from zero_dce.terminal import pip_install

NEEDED_COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol")
# A job in one of these states does not come back.
ENDED_STATES = frozenset(
    (
        *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"),
        *("NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "DEADLINE", "REVOKED"),
    )
)
# squeue itself tries for some ten seconds to reach slurmctld.
SECONDS_TO_ANSWER = 60.0
# SLURM's own default of MaxArraySize.
USUAL_IN_ARRAY = 1001
QUEUE_FORMAT = "JobArrayID:64,State:24,RestartCnt:12,NodeList:64"


@dataclass(frozen=True)
class QueuedJob:
    """A job in the queue: its state, how often it was requeued, and the nodes that it runs on."""

    state: str
    restarts: int
    nodes: str

    @property
    def ended(self) -> bool:
        """Whether the job does not come back."""
        return self.state in ENDED_STATES


def check_commands() -> None:
    """Raise ValueError unless SLURM's commands and submitit are there."""
    missing = [command for command in NEEDED_COMMANDS if not shutil.which(command)]
    if missing:
        raise ValueError(
            f"hydra/launcher=slurm needs {', '.join(missing)} in PATH: start the sweep on a login node of the cluster, "
            "or without hydra/launcher=slurm to run it on this machine"
        )
    try:
        import submitit  # noqa: F401
    except ImportError as error:
        raise ValueError(f"hydra/launcher=slurm needs submitit ({error}): {pip_install('slurm')}") from error


def read_queue() -> dict[str, QueuedJob]:
    """Return this user's jobs by their ids (``12``, and ``12_3`` in an array), also those that ended a moment ago.

    Raises:
        ConnectionError: if slurmctld does not answer.
    """
    text = _ask("squeue", "--me", "--array", "--noheader", "--states=all", f"--Format={QUEUE_FORMAT}")
    jobs = {}
    for line in text.splitlines():
        # The list of nodes is empty for a job that waits.
        job_id, state, restarts, *nodes = line.split()
        jobs[job_id] = QueuedJob(state, int(restarts), " ".join(nodes))
    return jobs


def most_in_array() -> int:
    """Return how many jobs this cluster lets an array have (``MaxArraySize``, or ``max_array_tasks`` of its scheduler).

    Raises:
        ConnectionError: if slurmctld does not answer.
    """
    found = re.findall(r"(?:^MaxArraySize\s*=\s*|\bmax_array_tasks=)(\d+)", _ask("scontrol", "show", "config"), re.M)
    # Where there are no arrays, 0 is answered, and sbatch says so.
    return max(1, min(map(int, found), default=USUAL_IN_ARRAY))


def why_no_accounting() -> str | None:
    """Return why ``sacct`` cannot tell how a job ended; ``None`` if it can."""
    if not shutil.which("sacct"):
        return "there is no sacct"
    try:
        _ask("sacct", "--noheader", "--allocations", "--format=State", "--starttime=now")
    except ConnectionError as error:
        return str(error)
    return None


def accounted_state(job_id: str) -> str | None:
    """Return how a job ended by SLURM's accounting, such as ``OUT_OF_MEMORY``; ``None`` if it does not know."""
    try:
        text = _ask("sacct", "--noheader", "--allocations", "--parsable2", "--format=State", f"--jobs={job_id}")
    except (ConnectionError, FileNotFoundError):
        return None
    # A requeued job has one line per part, the last of which counts; "CANCELLED by 0" names a user.
    states = [line.split()[0] for line in text.splitlines() if line.strip()]
    return states[-1] if states else None


def cancel(job_ids: Iterable[str]) -> None:
    """Cancel jobs; those that have ended do not matter.

    Raises:
        ConnectionError: if slurmctld could not be asked.
    """
    _ask(*cancel_command(job_ids))


def cancel_command(job_ids: Iterable[str]) -> list[str]:
    """Return the command that cancels jobs, arrays as a whole."""
    return ["scancel", *dict.fromkeys(job_id.partition("_")[0] for job_id in job_ids)]


def _ask(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False)
    except subprocess.TimeoutExpired as error:
        raise ConnectionError(f"{command[0]} did not answer within {SECONDS_TO_ANSWER:.0f} s") from error
    if answer.returncode:
        lines = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
        raise ConnectionError(f"{command[0]} says: {lines[-1]}")
    return answer.stdout
