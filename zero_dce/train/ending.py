"""How the command line ends: what is still to be done then, a run's page, and how an error is told."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal import utils
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException, InstantiationException
from omegaconf.errors import OmegaConfBaseException

from zero_dce.terminal import explain, first_failure, tell

# Either shows the whole traceback.
DEBUG_OVERRIDE, DEBUG_VARIABLE = "zero_dce.debug=true", "HYDRA_FULL_ERROR"
# How lines begin that Hydra and OmegaConf add to their messages.
ADDED = ("full_key:", "object_type=", "reference_type=", "Set the environment variable", "See https://hydra.cc")
# How Python's logging tells that a log cannot be written; the cause says which file, and why.
LOG_FAILED = "Unable to configure handler"
# Errors whose message was written for the person who gave the command.
EXPECTED = (ValueError, OSError, MemoryError, FloatingPointError, ModuleNotFoundError)

_endings: list[Callable[[], None]] = []
_original = utils.run_and_report
_original_setter = vars(JobReturn)["return_value"].fset


def report_errors(arguments: list[str]) -> None:
    """Let Hydra tell errors in this package's way, from here on."""
    if DEBUG_OVERRIDE in arguments:
        os.environ[DEBUG_VARIABLE] = "1"
    # Hydra has no setting for this.
    utils.run_and_report = _run_and_report  # type: ignore[assignment]
    JobReturn.return_value = property(_return_value, _original_setter)  # type: ignore[method-assign, assignment]
    logging.FileHandler.handleError = _tell_log_error  # type: ignore[method-assign, assignment]
    threading.excepthook = _tell_thread_error


def _tell_log_error(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    """Say in a line that a log cannot be written, as on a full disk: Python would show each place that logs."""
    error = sys.exc_info()[1]
    if isinstance(error, OSError):
        tell(f"{handler.baseFilename}: {error.strerror or error}: it lacks {record.getMessage()!r}", file=sys.stderr)
    else:
        logging.StreamHandler.handleError(handler, record)


def _tell_thread_error(ended: threading.ExceptHookArgs) -> None:
    """Tell in a line what the system refused a thread, such as TensorBoard's writer; who waits for it hears it too."""
    if isinstance(ended.exc_value, OSError):
        tell(explain(ended.exc_value), file=sys.stderr)
    else:
        threading.__excepthook__(ended)


def _return_value(ended: JobReturn) -> Any:
    """Return what a run returned, or raise what it raised: Hydra would first print the whole command line."""
    if ended.status == JobStatus.COMPLETED:
        return ended._return_value
    raise ended._return_value


def _run_and_report(function: Any) -> Any:
    """Call a function; an error that is understood becomes a message and exit code 1, any other is Hydra's to show."""
    try:
        return function()
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE) == "1":
            raise
        message = describe_failure(error)
        if message is None:
            return _original(partial(_raise, error))
        tell(message, file=sys.stderr)
        sys.exit(1)


def _raise(error: Exception) -> NoReturn:
    raise error


def describe_failure(error: BaseException) -> str | None:
    """Return what a person needs to know of an error; ``None`` where only a traceback tells it."""
    error = first_failure(error)
    if isinstance(error, InstantiationException):
        cause = error.__cause__
        return describe_failure(cause) if cause is not None else _plain(str(error))
    cause = error.__cause__
    if isinstance(cause, OSError) and str(error).startswith(LOG_FAILED):
        return describe_failure(cause)
    if isinstance(cause, OmegaConfBaseException) and cause.key is not None and "is not in struct" in str(cause):
        return _unknown_option(cause)
    if isinstance(error, (*EXPECTED, CompactHydraException, OmegaConfBaseException)):
        # Only its class says what an error without words is.
        return _plain(str(error)) or type(error).__name__
    return None


def _unknown_option(cause: OmegaConfBaseException) -> str:
    parent, siblings = "", []
    if cause.parent_node is not None:
        parent = str(cause.parent_node._get_full_key("") or "")
        siblings = [str(key) for key in cause.parent_node]
    return describe_unknown(parent, str(cause.key), siblings)


def describe_unknown(parent: str, name: str, siblings: Sequence[str]) -> str:
    """Say that an option does not exist, and which one may be meant.

    Args:
        parent: the key of what it was looked for in; empty at the top.
        name: its own name.
        siblings: the names that there are.
    """
    where = f"{parent}." if parent else ""
    options = [other for other in siblings if not other.startswith("_")]
    near = get_close_matches(name, options, n=1) or [other for other in options if name.startswith(other)]
    there = ", ".join(sorted(options))
    if near:
        return f"there is no option {where}{name}: did you mean {where}{near[0]}? There are {there}"
    return f"there is no option {where}{name}; there are {there}"


def _plain(message: str) -> str:
    kept = [line for line in message.splitlines() if not line.strip().startswith(ADDED)]
    return "\n".join(kept).strip()


def at_end(ending: Callable[[], None]) -> None:
    """Have something done at the end of the command: what began it knows how it ends."""
    _endings.append(ending)


def review_run(run: Path) -> None:
    """Write the page on which a checkpoint of a single run is chosen, whatever became of the run, and say where it is.

    This is a process of its own: training knows nothing of reviewing, and a page that cannot be written changes nothing
    about the run.
    """
    arguments = ["-m", "zero_dce.review", "report", str(run)]
    try:
        done = subprocess.run(
            [sys.executable, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        told = done.stdout.strip() if done.returncode == 0 else ""
        reason = done.stderr.strip().rpartition("\n")[2]
    except (OSError, KeyboardInterrupt) as error:
        told, reason = "", str(error) or "stopped by Ctrl-C"
    again = shlex.join(["python", *arguments])
    tell(told or f"the page of {run} could not be written ({reason}). Again: {again}", flush=True)


def end() -> None:
    """Do it, each once."""
    while _endings:
        _endings.pop()()
