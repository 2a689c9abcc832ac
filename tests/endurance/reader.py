"""What is fuzzed: a function that reads bytes, and what it may do with them."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CORPORA = Path(__file__).parent / "corpora"


@dataclass(frozen=True)
class Reader:
    """A reader of files that may come from anybody.

    Attributes:
        name: of its row in the table, and of its folder in ``corpora/``.
        check: reads the bytes. It returns where the property holds, also after an error that is documented, and raises
            anything else where it does not.
        seeds: makes valid files to start from.
        modules: packages and modules that it imports late; they and all below them are imported before the search.
        tokens: pieces of the format that chance would not find.
        repair: makes lengths and checksums right again after a mutation; ``None`` where the format has none.
        longest: the largest file that is tried, in bytes.
    """

    name: str
    check: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    modules: tuple[str, ...]
    tokens: tuple[bytes, ...] = ()
    repair: Callable[[bytes], bytes] | None = None
    longest: int = 8192

    def corpus(self) -> list[Path]:
        """The committed files: those with good coverage, and ``mended-*``, which once failed."""
        return sorted((CORPORA / self.name).glob("*"))


class BrokenPropertyError(AssertionError):
    """A reader did what it must not do, without an error of its own."""


@contextmanager
def documented(name: str, *errors: type[Exception]) -> Iterator[None]:
    """Pass over the errors that a reader is documented to raise, if their message names the file."""
    try:
        yield
    except errors as error:
        if name not in str(error):
            raise BrokenPropertyError(f"the message does not name {name}: {error}") from error


@functools.cache
def scratch() -> Path:
    """Return a folder that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def require(holds: bool, text: str) -> None:
    """Raise BrokenPropertyError with a text unless something holds."""
    if not holds:
        raise BrokenPropertyError(text)
