"""Read every file of a data set once: what is wrong or unusual with it, how large and how bright it is."""

from __future__ import annotations

import hashlib
import stat
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from zero_dce.data.decode import Decoded, ImageReadError
from zero_dce.data.index import printable
from zero_dce.progress import progress_bar


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
    return FileState(path, state.st_size, state.st_mtime_ns)


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
    """

    def examine(file: FileState) -> Record:
        if file.bad:
            return Record(file.path, file.bad)
        try:
            decoded = read(root / file.path)
        except ImageReadError as error:
            return Record(file.path, error.reason)
        if keep:
            keep(file.path, decoded)
        brightness = float(decoded.pixels.mean()) / 255
        return Record(file.path, None, decoded.notices, decoded.width, decoded.height, brightness)

    executor = ThreadPoolExecutor(max(1, threads))
    try:
        with progress_bar(total=len(files), desc="reading images", unit="image", delay=1) as bar:
            records = []
            for record in executor.map(examine, files):
                records.append(record)
                bar.update()
    finally:
        # After Ctrl-C or a full disk the rest is not read.
        executor.shutdown(cancel_futures=True)
    return _with_duplicates(root, files, records)


def _with_duplicates(root: Path, files: Sequence[FileState], records: list[Record]) -> list[Record]:
    """Note which files have the same bytes as an earlier one; only files of equal size are compared."""
    by_size = defaultdict(list)
    for number, (file, record) in enumerate(zip(files, records, strict=True)):
        if not record.bad:
            by_size[file.size].append(number)
    first: dict[str, str] = {}
    for numbers in by_size.values():
        for number in numbers if len(numbers) > 1 else []:
            record = records[number]
            with (root / record.path).open("rb") as stream:
                earlier = first.setdefault(hashlib.file_digest(stream, "sha256").hexdigest(), record.path)
            if earlier != record.path:
                records[number] = replace(record, notices=[*record.notices, f"the same bytes as {printable(earlier)}"])
    return records
