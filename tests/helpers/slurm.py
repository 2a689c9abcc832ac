"""A private SLURM of two nodes on this machine, for tests: its daemons run only as long as a ``with`` block."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
NODES = ("n1", "n2")
SECONDS_TO_START = 60.0
# A job is asked to stop, then killed after KillWait.
SECONDS_TO_EMPTY = 30.0
SECONDS_TO_STOP = 10.0
# srun runs a program.
SECONDS_FOR_A_COMMAND = 180.0
# cred_expire is also how long a requeued job waits before it may start again; below 5 it is the default, 120 s.
CONFIGURATION = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=3
InactiveLimit=0
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=64000 Gres=gpu:2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=64000 Gres=gpu:2
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""
# Two GPUs a node on paper: what is asked for can be seen, no job can compute on them.
GPUS = "".join(f"NodeName={node} Name=gpu File=/dev/null\nNodeName={node} Name=gpu File=/dev/zero\n" for node in NODES)


def why_not() -> str | None:
    """Say why no cluster can be started here; ``None`` where one can."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        return f"{', '.join(missing)} not found (apt-get install slurm-wlm munge)"
    return None if os.getuid() == 0 else "slurmctld and slurmd need root"


class Cluster:
    """Daemons of one private SLURM, and its commands."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder = folder
        self._more = more
        self.daemons: list[subprocess.Popen[bytes]] = []
        # Node names do not resolve: what runs on several nodes needs MASTER_ADDR=127.0.0.1 in its set-up.
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> None:
        """Start munged, slurmctld and two slurmd, and wait until both nodes are idle."""
        host = socket.gethostname().partition(".")[0]
        for name in ("munge", "state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(host=host, folder=self.folder, ports=free_ports(3)) + self._more, encoding="utf-8"
        )
        (self.folder / "gres.conf").write_text(GPUS, encoding="utf-8")
        key = self.folder / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        munge = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={self.folder / 'munge' / name}" for option, name in munge.items()]
        self._start("munged", "--foreground", "--num-threads=1", *options)
        self._wait_for((self.folder / "munge" / "socket").exists, "munged has no socket")
        self._start("slurmctld", "-D", "-c")
        for node in NODES:
            self._start(*_node_daemon(node))
        self._wait_for(self._is_up, "the nodes are not idle")

    def restart_controller(self, seconds: float) -> None:
        """Stop slurmctld, and start it again after so many seconds: it goes on with the jobs that it had."""
        self._restart(1, seconds, "slurmctld", "-D")

    def restart_node(self, node: str, seconds: float) -> None:
        """Stop a node's slurmd, and start it again after so many seconds; the node's jobs go on meanwhile."""
        self._restart(2 + NODES.index(node), seconds, *_node_daemon(node))

    def stop(self) -> None:
        """Cancel all jobs, wait until their processes are gone, and stop the daemons, the first one last."""
        try:
            if len(self.daemons) == 2 + len(NODES) and all(daemon.poll() is None for daemon in self.daemons):
                self.empty()
        finally:
            for daemon in reversed(self.daemons):
                _end(daemon)

    def empty(self) -> None:
        """Cancel all jobs, and wait until none is left."""
        self.run("scancel", "--user=root", check=False)
        until = time.monotonic() + SECONDS_TO_EMPTY
        while self.run("squeue", "--noheader", check=False).strip() and time.monotonic() < until:
            time.sleep(0.1)

    def run(self, *command: str, check: bool = True) -> str:
        """Return what one of SLURM's commands prints."""
        ended = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_FOR_A_COMMAND,
            check=False,
        )
        if check and ended.returncode:
            raise AssertionError(f"{' '.join(command)}: {ended.stdout}")
        return ended.stdout

    def state(self, job: str) -> str:
        """Return a job's state; empty where SLURM does not know it."""
        lines = self.run("squeue", "--noheader", "--states=all", "--array", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines).get(job, "")

    def logs(self) -> str:
        """Return the ends of the daemons' logs, for messages."""
        files = sorted({*self.folder.glob("*.log"), *self.folder.glob("*.out")})
        return "\n".join(f"{file.name}: {file.read_text(errors='replace')[-2000:]}" for file in files)

    def _start(self, program: str, *options: str) -> None:
        self.daemons.append(self._run_daemon(len(self.daemons), program, *options))

    def _restart(self, place: int, seconds: float, program: str, *options: str) -> None:
        _end(self.daemons[place])
        time.sleep(seconds)
        self.daemons[place] = self._run_daemon(place, program, *options)

    def _run_daemon(self, place: int, program: str, *options: str) -> subprocess.Popen[bytes]:
        # setpriv: the daemons end even where this process is killed. A group of their own: Ctrl-C is not for them.
        with (self.folder / f"{program}{place}.out").open("ab") as output:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", program, *options],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _is_up(self) -> bool:
        idle = self.run("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N", check=False)
        return sorted(idle.split()) == sorted(NODES)

    def _wait_for(self, reached: object, otherwise: str) -> None:
        assert callable(reached)
        until = time.monotonic() + SECONDS_TO_START
        while not reached():
            ended = [daemon.args for daemon in self.daemons if daemon.poll() is not None]
            if ended or time.monotonic() > until:
                raise RuntimeError(f"{otherwise}; ended: {ended}\n{self.logs()}")
            time.sleep(0.05)


def _node_daemon(node: str) -> tuple[str, ...]:
    return "slurmd", "-D", "-N", node


def _end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


@contextmanager
def running_cluster(more: str = "") -> Iterator[Cluster]:
    """Start a cluster in a temporary folder; whatever happens, its daemons are stopped and the folder is removed.

    ``more`` are further lines of its ``slurm.conf``.
    """
    # Not in pytest's folder: munge wants one that all may read, and the names of sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    cluster = Cluster(folder, more)
    try:
        cluster.start()
        yield cluster
    finally:
        try:
            cluster.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> Sequence[int]:
    """Return different ports that nothing listens on."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
