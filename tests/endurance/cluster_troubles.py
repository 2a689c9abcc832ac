"""Troubles of a cluster, each a function that makes one and says what it has done; ``None`` where nothing was there.

They are meant for a sweep on a private SLURM: daemons are restarted and nodes drained, as only their owner may.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.slurm import NODES, Cluster

# What a person, SLURM or a lost connection sends.
STORM = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGHUP)
# Environments of all processes of the sweep have this variable, through sbatch and srun too.
MARK = "ZERO_DCE_PUNISHED"


@dataclass
class Scene:
    """What troubles are made for: a cluster, a sweep in its folder, and the source of chance."""

    cluster: Cluster
    sweep: Path
    random: random.Random

    def ranks(self) -> list[int]:
        """The processes that train, or are about to."""
        return [pid for pid in self.processes() if _is_task(pid) or _is_forked(pid)]

    def launchers(self) -> list[int]:
        """The process that was started as a person does, and waits for the runs, if it goes on."""
        return [pid for pid in self.processes() if b"\0-m\0zero_dce.train\0" in _command(pid)]

    def processes(self) -> list[int]:
        """All processes of the sweep on this machine, but those that have ended and not been waited for."""
        mark = f"{MARK}={self.sweep}".encode()
        pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
        return [pid for pid in pids if mark in _environment(pid)]

    def jobs(self, states: str = "running") -> list[str]:
        """The jobs that run, or are in other states; none where slurmctld does not answer."""
        told = self.cluster.run("squeue", "--noheader", "--array", f"--states={states}", "--format=%i", check=False)
        return re.findall(r"^\d+(?:_\d+)?$", told, re.MULTILINE)

    def send(self, pids: list[int], number: signal.Signals) -> str | None:
        """Send a signal to one of these processes."""
        if not pids:
            return None
        pid = self.random.choice(pids)
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return f"{number.name} to process {pid}"

    def scancel(self, *options: str) -> str | None:
        """Cancel one of the running jobs, or signal it."""
        jobs = self.jobs()
        if not jobs:
            return None
        command = ["scancel", *options, self.random.choice(jobs)]
        self.cluster.run(*command, check=False)
        return " ".join(command)


def kill_rank(scene: Scene) -> str | None:
    """One process of a run dies, as for lack of memory."""
    return scene.send(scene.ranks(), signal.SIGKILL)


def kill_step(scene: Scene) -> str | None:
    """The srun of a job dies, and with it all its tasks."""
    return scene.send([pid for pid in scene.processes() if _is_srun(pid)], signal.SIGKILL)


def cancel_job(scene: Scene) -> str | None:
    """SIGTERM to all processes, and SIGKILL after KillWait."""
    return scene.scancel()


def kill_job(scene: Scene) -> str | None:
    """SIGKILL to all processes at once."""
    return scene.scancel("--signal=KILL")


def signal_job(scene: Scene) -> str | None:
    """One of the other signals, to the tasks or to the job's script too."""
    number = scene.random.choice([*STORM, signal.SIGUSR1, signal.SIGUSR2])
    where = scene.random.choice([[], [], ["--full"], ["--batch"]])
    return scene.scancel(f"--signal={number.name.removeprefix('SIG')}", *where)


def requeue_job(scene: Scene) -> str | None:
    """The owner of the cluster sends a job back into the queue, without asking it to save."""
    jobs = scene.jobs()
    if not jobs:
        return None
    command = ["scontrol", "requeue", scene.random.choice(jobs)]
    refused = scene.cluster.run(*command, check=False)
    return None if refused else " ".join(command)


def kill_launcher(scene: Scene) -> str | None:
    """Who waits for the jobs is killed, closes the terminal, or presses Ctrl-C."""
    number = scene.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    return scene.send(scene.launchers(), number)


def restart_controller(scene: Scene) -> str:
    """slurmctld is away for a moment: nobody can ask it, and no job can start or be requeued."""
    seconds = scene.random.uniform(0, 4)
    scene.cluster.restart_controller(seconds)
    return f"slurmctld away for {seconds:.1f} s"


def restart_node(scene: Scene) -> str:
    """A node's slurmd is away for a moment."""
    node, seconds = scene.random.choice(NODES), scene.random.uniform(0, 4)
    scene.cluster.restart_node(node, seconds)
    return f"slurmd of {node} away for {seconds:.1f} s"


def drain_node(scene: Scene) -> str:
    """A node takes no new jobs for a while; those on it go on."""
    node, seconds = scene.random.choice(NODES), scene.random.uniform(1, 6)
    set_node(scene.cluster, node, "drain")
    time.sleep(seconds)
    set_node(scene.cluster, node, "resume")
    return f"{node} drained for {seconds:.1f} s"


def set_node(cluster: Cluster, node: str, state: str) -> None:
    """Drain a node, or take that back."""
    cluster.run("scontrol", "update", f"nodename={node}", f"state={state}", "reason=test", check=False)


def stop_process(scene: Scene) -> str | None:
    """A process stands still for a while, as on a machine that swaps: a rank, or the one that waits."""
    pids = [*scene.ranks(), *scene.launchers()]
    if not pids:
        return None
    pid, seconds = scene.random.choice(pids), scene.random.uniform(0.5, 5)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    return f"process {pid} stopped for {seconds:.1f} s"


def send_storm(scene: Scene) -> str | None:
    """Several signals in a second, to ranks and to the one that waits."""
    sent = []
    for _ in range(scene.random.randint(4, 10)):
        sent.append(scene.send([*scene.ranks(), *scene.launchers()], scene.random.choice(STORM)))
        time.sleep(scene.random.uniform(0, 0.2))
    return ", ".join(filter(None, sent)) or None


# Those that cost a run its processes, and with them the seconds of a start, are about as many as the others.
TROUBLES: Mapping[str, Callable[[Scene], str | None]] = {
    "a rank killed": kill_rank,
    "srun killed": kill_step,
    "a job cancelled (scancel)": cancel_job,
    "a job killed (scancel --signal=KILL)": kill_job,
    "a job signalled (scancel --signal=...)": signal_job,
    "a job requeued (scontrol requeue)": requeue_job,
    "the launcher ended, by SIGKILL, SIGTERM, SIGINT or SIGHUP": kill_launcher,
    "slurmctld restarted": restart_controller,
    "a slurmd restarted": restart_node,
    "a node drained and resumed": drain_node,
    "a process stopped and continued": stop_process,
    "a storm of 4 to 10 signals": send_storm,
}


def _is_task(pid: int) -> bool:
    return b"submitit.core._submit" in _command(pid) and not _is_srun(pid)


def _is_forked(pid: int) -> bool:
    """Tell whether a launcher on one machine has had the process forked from the server of fresh processes."""
    server = b"multiprocessing.forkserver"
    # The name in brackets may hold anything; the parent's number is the second word after it.
    status = _read(pid, "stat").rpartition(b") ")[2].split()
    return server in _command(pid) and len(status) > 1 and server in _command(int(status[1]))


def _is_srun(pid: int) -> bool:
    return _command(pid).partition(b"\0")[0].endswith(b"srun")


def _command(pid: int) -> bytes:
    return _read(pid, "cmdline")


def _environment(pid: int) -> list[bytes]:
    return _read(pid, "environ").split(b"\0")


def _read(pid: int, name: str) -> bytes:
    # A process that has ended has neither.
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""
