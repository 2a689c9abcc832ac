"""Fresh processes that start in a moment: they are forked from a server that has only done the imports.

They are never forked from this process, which may have used a GPU: a CUDA context does not survive a fork.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any

from zero_dce.terminal import explain

PRELOAD = "zero_dce.sweep.launching.preload"


def start_rank(
    arguments: Sequence[str], environment: Mapping[str, str], threads: int, output: Path | None
) -> BaseProcess:
    """Start one process of a run: its command line without the program's name, and all of its environment variables.

    PyTorch may use so many threads in it. What it prints is appended to ``output``, or printed where this process does.
    """
    process: BaseProcess = _context().Process(  # type: ignore[attr-defined]  # in each of the kinds of context
        target=_run_rank, args=(list(arguments), dict(environment), threads, output)
    )
    process.start()
    return process


def run_in_subprocess(
    function: Callable[..., Any], *arguments: Any, environment: Mapping[str, str], threads: int
) -> Any:
    """Return what a function returns in a fresh process, after which nothing of it is left on a GPU.

    Raises:
        RuntimeError: if the function raises or its process dies; the message is that error.
    """
    prepared = (dict(environment), threads)
    with ProcessPoolExecutor(1, _context(), initializer=_prepare, initargs=prepared) as executor:
        try:
            return executor.submit(function, *arguments).result()
        except Exception as error:
            raise RuntimeError("".join(traceback.format_exception_only(error)).strip()) from error


def _context() -> BaseContext:
    # Windows has no fork, so that each process there does the imports itself.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOAD])
    return context


def _run_rank(arguments: list[str], environment: dict[str, str], threads: int, output: Path | None) -> None:
    """Run the command line as this process, whose exit code is then the command line's."""
    # Ctrl-C reaches all processes of a terminal, but it is the launcher that asks this one to save and to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prepare(environment, threads)
    if output is not None:
        try:
            _redirect(output)
        except OSError as error:
            sys.exit(explain(error))
    from zero_dce.train.__main__ import main

    sys.argv = ["zero_dce.train", *arguments]
    main()


def _prepare(environment: dict[str, str], threads: int) -> None:
    import torch
    from lightning.fabric.utilities.rank_zero import rank_zero_only

    from zero_dce.train.configuration import quiet, register_resolvers

    Thread(target=_end_with_the_launcher, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    # Lightning read it from the environment when the fork server imported it.
    rank_zero_only.rank = int(environment.get("LOCAL_RANK", "0"))  # type: ignore[attr-defined]
    if "OMP_NUM_THREADS" not in environment:
        torch.set_num_threads(threads)
    quiet()
    register_resolvers()


def _redirect(output: Path) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _end_with_the_launcher() -> None:
    """Stop this process as the launcher would when the launcher itself was killed, so that none is left behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
