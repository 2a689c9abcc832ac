"""Read every file of a data set once and record what is wrong or unusual, its size and its brightness."""

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
from zero_dce.images import ImageReadError
from zero_dce.images.decode import Decoded
from zero_dce.terminal import progress_bar

# These errors may pass: a disk or a network failed, or too many files were open.
PASSING = {errno.EIO, errno.EMFILE, errno.ENFILE, getattr(errno, "ESTALE", errno.EIO)}


class SurveyError(ValueError):
    """The system failed to read a file, whose content may be good; the message names it."""


@dataclass(frozen=True)
class FileState:
    """A file's state, by which changes are noticed; ``bad`` says why it cannot be read at all."""

    path: str
    size: int = -1
    modified_ns: int = -1
    bad: str | None = None


@dataclass(frozen=True)
class Record:
    """The result of reading a file.

    Attributes:
        path: relative to the root.
        bad: why it cannot be used; ``None`` for a usable image.
        notices: what is unusual, and how it was treated.
        width: of the upright picture in pixels; 0 for a bad file.
        height: of the upright picture in pixels; 0 for a bad file.
        brightness: mean over all channels, [0, 1]; 0 for a bad file.
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
    """Read all files with a progress bar and return one record per file, in their order.

    A bad file has a record too and does not stop the others. So many ``threads`` call ``read``, which decodes a file
    below ``root``, and give each decoded picture to ``keep``; Pillow releases Python's lock while it decodes.

    Raises:
        SurveyError: if a file cannot be read because of the system and not of its content.
    """
    sizes = Counter(file.size for file in files if not file.bad)

    def examine(file: FileState) -> tuple[Record, str]:
        """Return the record and, where another file has the same size, the hash of the bytes."""
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
        # This does not read the rest after Ctrl-C or a full disk.
        executor.shutdown(cancel_futures=True)
    return _with_duplicates(results)


def _reason(error: ImageReadError | OSError) -> str:
    """Say why a file is bad.

    Raises:
        SurveyError: if it may not be the file's fault; such a reason must not be cached.
    """
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError) and cause.errno in PASSING:
        raise SurveyError(f"{error}. This need not be the file's fault: try again") from error
    return error.reason if isinstance(error, ImageReadError) else error.strerror or str(error)


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _with_duplicates(results: Sequence[tuple[Record, str]]) -> list[Record]:
    """Add a notice to each file that has the same bytes as an earlier one."""
    first: dict[str, str] = {}
    records = []
    for record, digest in results:
        if digest in first:
            same = f"the same bytes as {printable(first[digest])}"
            record = replace(record, notices=[*record.notices, same])
        elif digest:
            first[digest] = record.path
        records.append(record)
    return records
