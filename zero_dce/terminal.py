"""Output that suits a terminal as well as a log file: progress bars, messages, names in any script, aligned tables."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO, cast

from tqdm import tqdm

# Each refresh of a bar is a line of its own where the output goes to a log file.
SECONDS_BETWEEN_LINES = 15.0
# A file may have any name: these characters command a terminal, or turn the order of what stands on a line. A bar of
# tqdm begins with a return.
COMMANDING = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|(?<!^)\r")


def progress_bar(**options: Any) -> tqdm[Any]:
    """Open a bar of tqdm; ``options`` are tqdm's. What takes less than a second shows none with ``delay=1``."""
    terminal = sys.stderr.isatty()
    return tqdm(mininterval=0.2 if terminal else SECONDS_BETWEEN_LINES, dynamic_ncols=terminal, **options)


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Run a command: a user's mistake ends it with one line and exit code 1, and any name can be printed."""
    # The system's encoding may lack names in another script, and drawn bars.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _PlainStream(stream)) for stream in streams)
    try:
        yield
    except (OSError, ValueError, MemoryError, ModuleNotFoundError) as error:
        sys.exit(explain(error))
    except RuntimeError as error:
        # What Python before 3.13 raises for links that lead in a circle.
        if not str(error).startswith("Symlink loop"):
            raise
        sys.exit(str(error))
    finally:
        sys.stdout, sys.stderr = streams


class _PlainStream:
    """A stream to which names are printed that may hold anything."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(plain_text(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def plain_text(text: str) -> str:
    r"""Return a text in which no character commands a terminal.

    >>> plain_text("\x1b[2Jdark.jpg")
    '\\x1b[2Jdark.jpg'
    """
    return COMMANDING.sub(lambda match: ascii(match[0])[1:-1], text)


def explain(error: BaseException) -> str:
    """Say what is wrong in one line: the system's own words about a file, or the error's message.

    >>> explain(FileNotFoundError(2, "No such file or directory", "a.jpg"))
    'a.jpg: No such file or directory'
    """
    reason = getattr(error, "strerror", None)
    if reason:
        file = getattr(error, "filename", None)
        return plain_text(f"{file}: {reason}" if file else str(reason))
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


def say(text: str) -> None:
    """Print something that stands apart from what a run prints, at once."""
    print(f"\n{plain_text(text)}", flush=True)


def minutes(seconds: float) -> str:
    """Return a duration as a person says it: seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
