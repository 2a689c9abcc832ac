"""Read every file of a data set once: what is wrong or unusual with it, how large and how bright it is."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from zero_dce.data.index import printable
from zero_dce.images.decode import Decoded, ImageReadError
from zero_dce.terminal import progress_bar

# A disk or a network that failed, or too many open files.
PASSING = {errno.EIO, errno.EMFILE, errno.ENFILE, getattr(errno, "ESTALE", errno.EIO)}


class SurveyError(ValueError):
    """The system did not let a file be read; the message names it."""


@dataclass(frozen=True)
class FileState:
    """A file as it is now; size and time tell whether it has changed. ``bad`` says why it cannot be read at all."""

    path: str
    size: int = -1
    modified_ns: int = -1
    bad: str | None = None


@dataclass(frozen=True)
class Record:
    """What reading a file has shown.

    Attributes:
        path: relative to the root.
        bad: why it cannot be used; ``None`` for a usable image.
        notices: what is unusual, and how it was taken.
        width: upright, in pixels; 0 for a bad file.
        height: upright, in pixels; 0 for a bad file.
        brightness: mean of all channels, [0, 1]; 0 for a bad file.
    """

    path: str
    bad: str | None = None
    notices: list[str] = field(default_factory=list)
    width: int = 0
    height: int = 0
    brightness: float = 0.0


def look_up(root: Path, path: str) -> FileState:
    """Ask the system for a file's size and time."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return FileState(path, bad="a name that is no Unicode: rename it")
    try:
        state = (root / path).stat()
    except OSError as error:
        return FileState(path, bad=error.strerror or str(error))
    if not stat.S_ISREG(state.st_mode):
        return FileState(path, bad="no regular file")
    if not os.access(root / path, os.R_OK):
        return FileState(path, bad="no permission to read it")
    return FileState(path, state.st_size, state.st_mtime_ns)


def brightness_of(records: Sequence[Record]) -> dict[str, float]:
    """Return the brightness of each usable file."""
    return {record.path: record.brightness for record in records if not record.bad}


def survey(
    root: Path,
    files: Sequence[FileState],
    read: Callable[[Path], Decoded],
    threads: int,
    keep: Callable[[str, Decoded], None] | None = None,
) -> list[Record]:
    """Read all files, several at a time, with a progress bar.

    Args:
        root: folder that the paths are relative to.
        files: what to read.
        read: decodes a file.
        threads: how many at a time; Pillow decodes outside Python's lock.
        keep: is given each decoded picture, from any of the threads.

    Returns:
        A record a file, in their order. A bad file gets one too and does not stop the others.

    Raises:
        SurveyError: if the system, and not a file's content, keeps it from being read.
    """
    sizes = Counter(file.size for file in files if not file.bad)

    def examine(file: FileState) -> tuple[Record, str]:
        """Return what reading shows and, where another file has as many bytes, their hash."""
        if file.bad:
            return Record(file.path, file.bad), ""
        try:
            decoded = read(root / file.path)
            digest = _digest(root / file.path) if sizes[file.size] > 1 else ""
        except (ImageReadError, OSError) as error:
            return Record(file.path, _reason(error)), ""
        if keep:
            keep(file.path, decoded)
        brightness = float(decoded.pixels.mean()) / 255
        return Record(file.path, None, decoded.notices, decoded.width, decoded.height, brightness), digest

    executor = ThreadPoolExecutor(max(1, threads))
    try:
        with progress_bar(total=len(files), desc="reading images", unit="image", delay=1) as bar:
            results = []
            for result in executor.map(examine, files):
                results.append(result)
                bar.update()
    finally:
        # After Ctrl-C or a full disk the rest is not read.
        executor.shutdown(cancel_futures=True)
    return _with_duplicates(results)


def _reason(error: ImageReadError | OSError) -> str:
    """Say why a file is bad.

    Raises:
        SurveyError: if it is not the file's fault; such a reason must not be kept.
    """
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError) and cause.errno in PASSING:
        raise SurveyError(f"{error}. This need not be the file's fault: try again") from error
    return error.reason if isinstance(error, ImageReadError) else error.strerror or str(error)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _with_duplicates(results: Sequence[tuple[Record, str]]) -> list[Record]:
    """Note which files have the same bytes as an earlier one."""
    first: dict[str, str] = {}
    records = []
    for record, digest in results:
        earlier = first.setdefault(digest, record.path) if digest else record.path
        notices = [] if earlier == record.path else [f"the same bytes as {printable(earlier)}"]
        records.append(replace(record, notices=[*record.notices, *notices]))
    return records
