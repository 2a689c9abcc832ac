"""The command line in processes that start at once, to be sent signals."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import torch
from lightning.fabric.utilities.rank_zero import rank_zero_only

from zero_dce.train import __main__ as train

# Only to end a test that hangs.
SECONDS = 120


def start(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    rank: int = 0,
    prepare: Callable[[], None] | None = None,
) -> ForkServerProcess:
    """Start the command line, with ``folder`` as working folder and in a group of its own.

    What it prints is in ``output-RANK.txt`` there. ``prepare`` is a function of a module, called first.
    """
    # Forked from a process that has done nothing but the imports, which take longer than the run.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.helpers.processes"])
    process = context.Process(target=_run, args=(folder, list(arguments), dict(environment or {}), rank, prepare))
    process.start()
    return process


def _run(
    folder: Path, arguments: list[str], environment: dict[str, str], rank: int, prepare: Callable[[], None] | None
) -> None:
    os.setsid()
    os.chdir(folder)
    output = os.open(folder / f"output-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)
    # Of the test's own process, where an earlier test has used W&B.
    os.environ.pop("WANDB_SERVICE", None)
    # Threads that wait for each other are slow where many processes share a few cores.
    torch.set_num_threads(1)
    # Lightning read it from the environment when it was imported.
    rank_zero_only.rank = rank
    # What a process started otherwise has: it would take over how it was itself started for those that it starts.
    multiprocessing.set_start_method(None, force=True)
    if prepare:
        prepare()
    sys.argv = ["zero_dce.train", *arguments]
    train.main()


def wait_for(is_so: Callable[[], bool], processes: Sequence[ForkServerProcess]) -> None:
    """Return when something has come about, while all processes live."""
    until = time.monotonic() + SECONDS
    while not is_so():
        for process in processes:
            assert process.is_alive(), process.exitcode
        assert time.monotonic() < until
        time.sleep(0.001)


def changed(file: Path) -> Callable[[], bool]:
    """Return a test that a file is another one than now."""
    before = file.stat().st_mtime_ns if file.exists() else None
    return lambda: file.exists() and file.stat().st_mtime_ns != before


def exit_code(process: ForkServerProcess) -> int:
    """Return a process' exit code when it has ended by itself; minus the signal that killed it."""
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError("the process hangs")
    return process.exitcode


def ranks(port: int, count: int = 2) -> list[dict[str, str]]:
    """Environments of processes of one run, as a launcher sets them."""
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count), "NODE_RANK": "0"}
    return [{**common, "LOCAL_RANK": str(rank), "RANK": str(rank)} for rank in range(count)]


def slurm_tasks(port: int, count: int = 1, **more: str) -> list[dict[str, str]]:
    """Environments of the tasks of a SLURM job, as srun sets them."""
    common = {
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "train",
        "SLURM_NTASKS": str(count),
        "SLURM_NTASKS_PER_NODE": str(count),
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        **more,
    }
    return [{**common, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)} for rank in range(count)]


def free_port() -> int:
    """Return a port that nobody listens at."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
