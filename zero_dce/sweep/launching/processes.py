"""Fresh processes that start in a moment: forked from a server that has done nothing but the imports.

Never from this process, which may have used a GPU: a CUDA context does not survive a fork.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any

PRELOAD = "zero_dce.sweep.launching.preload"


def start_rank(
    arguments: Sequence[str], environment: Mapping[str, str], threads: int, output: Path | None
) -> BaseProcess:
    """Start one process of a run.

    Args:
        arguments: the command line without the program's name.
        environment: all of its environment variables.
        threads: how many PyTorch may use in it.
        output: a file that takes what it prints, at its end; ``None``: this process's output does.
    """
    process: BaseProcess = _context().Process(  # type: ignore[attr-defined]  # in each of the kinds of context
        target=_run_rank, args=(list(arguments), dict(environment), threads, output)
    )
    process.start()
    return process


def call_apart(function: Callable[..., Any], *arguments: Any, environment: Mapping[str, str], threads: int) -> Any:
    """Return what a function returns in a fresh process: what it leaves on a GPU is gone after it.

    Raises:
        RuntimeError: with the function's own error as text.
    """
    context = _context()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(  # type: ignore[attr-defined]
        target=_call, args=(sender, function, arguments, dict(environment), threads), daemon=True
    )
    process.start()
    sender.close()
    try:
        succeeded, value = receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{function.__name__} ended with exit code {process.exitcode}") from None
    process.join()
    if not succeeded:
        raise RuntimeError(value)
    return value


def _context() -> BaseContext:
    # Windows has no fork: there each process imports anew.
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOAD])
    return context


def _run_rank(arguments: list[str], environment: dict[str, str], threads: int, output: Path | None) -> None:
    """Run the command line as this process; its exit code becomes the process's."""
    # Ctrl-C reaches all processes of a terminal; the launcher asks this one to save and to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prepare(environment, threads)
    if output is not None:
        _redirect(output)
    Thread(target=_end_with_the_launcher, daemon=True).start()
    from zero_dce.train.__main__ import main

    sys.argv = ["zero_dce.train", *arguments]
    main()


def _call(
    sender: Any, function: Callable[..., Any], arguments: Sequence[Any], environment: dict[str, str], threads: int
) -> None:
    _prepare(environment, threads)
    try:
        sender.send((True, function(*arguments)))
    except Exception as error:
        sender.send((False, "".join(traceback.format_exception_only(error)).strip()))


def _prepare(environment: dict[str, str], threads: int) -> None:
    import torch
    from lightning.fabric.utilities.rank_zero import rank_zero_only

    from zero_dce.train.configuration import quiet, register_resolvers

    os.environ.clear()
    os.environ.update(environment)
    # Read from the environment at the import, which was before.
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
    """End as if asked to when the launcher was killed: nobody else would."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
