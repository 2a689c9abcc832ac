"""Output that suits a terminal as well as a log file: progress bars, messages, names in any script, aligned tables."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TextIO

from tqdm import tqdm

# Each refresh of a bar is a line of its own where the output goes to a log file.
SECONDS_BETWEEN_LINES = 15.0
# A file may have any name: these characters command a terminal, or turn the order of what stands on a line.
COMMANDING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def progress_bar(**options: Any) -> tqdm[Any]:
    """Open a bar of tqdm; ``options`` are tqdm's. What takes less than a second shows none with ``delay=1``."""
    terminal = sys.stderr.isatty()
    return tqdm(mininterval=0.2 if terminal else SECONDS_BETWEEN_LINES, dynamic_ncols=terminal, **options)


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Run a command: a user's mistake ends it with one line and exit code 1, and names in any script are printed."""
    # The system's encoding may lack names in another script, and drawn bars.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        yield
    except (OSError, ValueError, MemoryError, ModuleNotFoundError) as error:
        sys.exit(explain(error))
    except RuntimeError as error:
        # What Python before 3.13 raises for links that lead in a circle.
        if not str(error).startswith("Symlink loop"):
            raise
        sys.exit(explain(error))


def plain_text(text: str) -> str:
    r"""Return a text in which no character commands a terminal.

    >>> plain_text("\x1b[2Jdark.jpg")
    '\\x1b[2Jdark.jpg'
    """
    return COMMANDING.sub(lambda match: ascii(match[0])[1:-1], text)


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it came of, each once: one that is raised in two places may lead in a circle."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def first_failure(error: BaseException) -> BaseException:
    """Return the first of several errors of the system, which came while the one before was handled.

    On a full disk, closing a file after an error fails too, and Python raises the last one.
    """
    first = error
    for last, before in pairwise(chain_of(error)):
        hidden = last.__suppress_context__ and last.__cause__ is None
        if hidden or not (isinstance(last, OSError) and isinstance(before, OSError) and last.errno == before.errno):
            break
        # Looking for a file in several places is no failure.
        if isinstance(before, FileNotFoundError | FileExistsError):
            break
        # What was raised from another error tells the same failure, in better words; so does what names a file.
        if last.__cause__ is None and before.filename is not None:
            first = before
    return first


def explain(error: BaseException) -> str:
    """Say what is wrong in one line: the system's own words about a file, or the error's message.

    >>> explain(FileNotFoundError(2, "No such file or directory", "a.jpg"))
    'a.jpg: No such file or directory'
    """
    error = first_failure(error)
    reason = getattr(error, "strerror", None)
    if reason:
        file = getattr(error, "filename", None)
        name = os.fsdecode(file) if isinstance(file, bytes) else file
        return plain_text(f"{name}: {reason}" if file else str(reason))
    if isinstance(error, MemoryError) and not str(error):
        return "there is not enough memory"
    return plain_text(str(error)) or type(error).__name__


def pip_install(extra: str) -> str:
    """Return the command that installs what an extra of this package holds.

    >>> pip_install("video")
    "pip install 'zero-dce-lightning[video]'"
    """
    return f"pip install 'zero-dce-lightning[{extra}]'"


def align(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lay out rows of cells, all of one length, in columns of one width each."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def tell(text: object, *, file: TextIO | None = None, flush: bool = False) -> None:
    """Print what may hold names of somebody else's files, runs or notes; the options are those of ``print``."""
    print(plain_text(str(text)), file=file, flush=flush)


def say(text: str) -> None:
    """Print something that stands apart from what a run prints, at once."""
    tell(f"\n{text}", flush=True)


def minutes(seconds: float) -> str:
    """Return a duration as a person says it: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
