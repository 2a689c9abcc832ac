"""Commands of this package in processes of their own, which start at once: to be sent signals, and to be many."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from threading import Thread

from tests.helpers.paths import ROOT

# This only ends a test that hangs.
SECONDS = 120
# The processes are forked from one that has done nothing but these imports, which take longer than most commands.
PRELOADED = [
    "tests.helpers.processes",
    "zero_dce.sweep.launching.preload",
    "zero_dce.train.__main__",
    "zero_dce.review.dashboard",
    "zero_dce.review.upload",
]
Prepare = Callable[[], None]


class Command:
    """``python -m MODULE ARGUMENTS``, in a process that is forked instead of an interpreter that starts anew.

    It leads a process group. ``prepare`` is a function of a module, called first in the process.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        printed = Path(tempfile.mkdtemp(prefix="printed-"))
        weakref.finalize(self, shutil.rmtree, printed, ignore_errors=True)
        self._outputs = [printed / name for name in ("output", "errors")]
        self._process = _fork(module, arguments, folder, environment, self._outputs, prepare)
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit code of a process that has ended."""
        return self._process.exitcode

    def wait(self) -> int:
        """Return the exit code when the process has ended by itself."""
        return exit_code(self._process)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process, and return when it is gone."""
        self._process.kill()
        self._process.join()

    def output(self) -> str:
        """Return what it has printed by now."""
        return _read(self._outputs[0])

    def errors(self) -> str:
        """Return what it has written to the standard error stream by now."""
        return _read(self._outputs[1])


def run_module(
    module: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE ARGUMENTS`` as :class:`Command` does, to its end."""
    command = Command(module, arguments, folder, environment)
    code = command.wait()
    return subprocess.CompletedProcess([module, *arguments], code, command.output(), command.errors())


def start(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    rank: int = 0,
    prepare: Prepare | None = None,
) -> ForkServerProcess:
    """Start the training command line, with ``folder`` as working folder and in a group of its own.

    What it prints is in ``output-RANK.txt`` there. ``prepare`` is a function of a module, called first.
    """
    return _fork("zero_dce.train", arguments, folder, environment, [folder / f"output-{rank}.txt"] * 2, prepare)


def start_function(function: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """Call a function of a module in a process of its own."""
    process = _context().Process(target=function, args=arguments)
    process.start()
    return process


def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    # The server finds the tests only from here; where it does not, each process imports everything again.
    with contextlib.chdir(ROOT):
        forkserver.ensure_running()
    return context


def _fork(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None,
    outputs: Sequence[Path],
    prepare: Prepare | None,
) -> ForkServerProcess:
    variables = {**os.environ, **(environment or {})}
    # It belongs to the test's own process, where an earlier test has used W&B.
    variables.pop("WANDB_SERVICE", None)
    return start_function(_run, module, list(arguments), folder, variables, outputs, prepare)


def _run(
    module: str,
    arguments: list[str],
    folder: Path,
    variables: dict[str, str],
    outputs: Sequence[Path],
    prepare: Prepare | None,
) -> None:
    """Become what a fresh interpreter would be that runs a module."""
    # The server has imported both already.
    import torch
    from lightning.fabric.utilities import rank_zero

    Thread(target=_end_with_the_test, daemon=True).start()
    os.setsid()
    os.chdir(folder)
    for descriptor, file in enumerate(outputs, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND), descriptor)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    os.environ.clear()
    os.environ.update(variables)
    # A shell's background job, as the tests may be, ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Threads that wait for each other are slow where many processes share a few cores.
    torch.set_num_threads(1)
    # Lightning read it from the environment when it was imported.
    rank_zero.rank_zero_only.rank = rank_zero._get_rank() or 0
    # A process that was started otherwise has none: this one would hand down how it was itself started.
    multiprocessing.set_start_method(None, force=True)
    if prepare:
        prepare()
    sys.argv = [module, *arguments]
    # An interpreter that starts anew has not imported it either.
    sys.modules.pop(f"{module}.__main__", None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_the_test() -> None:
    """End when the test's process was killed: some runs would go on for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def _read(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""


def wait_for(is_so: Callable[[], object], processes: Sequence[ForkServerProcess | Command]) -> None:
    """Return when something has come about, while all processes live."""
    until = time.monotonic() + SECONDS
    while not is_so():
        for process in processes:
            code = process.poll() if isinstance(process, Command) else process.exitcode
            assert code is None, (code, process.output() + process.errors() if isinstance(process, Command) else "")
        assert time.monotonic() < until
        time.sleep(0.001)


def is_running(pid: int) -> bool:
    """Tell whether a process goes on, whoever started it."""
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


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


def run_on_two(folder: Path, arguments: Sequence[str]) -> tuple[list[int], str]:
    """Run the training command line on two processes, as a launcher starts them.

    Returns their exit codes, and what the first one printed.
    """
    both = [start(folder, arguments, extra, rank) for rank, extra in enumerate(ranks(free_port()))]
    return [exit_code(process) for process in both], (folder / "output-0.txt").read_text()


def slurm_tasks(port: int, count: int = 1, **more: str) -> list[dict[str, str]]:
    """Environments of the tasks of a SLURM job, as srun sets them."""
    common = {
        "SLURM_JOB_ID": "4711",
        "SLURM_JOB_NAME": "train",
        "SLURM_NTASKS": str(count),
        "SLURM_NTASKS_PER_NODE": str(count),
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_TASKS": str(count),
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
