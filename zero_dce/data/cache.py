"""Each file is read once: its record, and its decoded pixels in one memory-mapped file, are kept on disk.

A cache is a folder with ``table.json`` (one record per file, and where its pixels are) and, unless only the records
were asked for, ``pixels.bin`` (uint8, one picture after the other). Its name is a hash of the files, their sizes and
times and of how they are decoded. It gets that name only when it is complete, so whatever has the name can be used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
import torch
from torch import Tensor

from zero_dce.data.dataset import Fit
from zero_dce.data.survey import FileState, Record, look_up, survey
from zero_dce.files import (
    CACHE_VARIABLE,
    MOST_JSON_BYTES,
    atomic_folder,
    cache_folder,
    ensure_folder,
    one_at_a_time,
    read_object,
)
from zero_dce.images.decode import Decoded

log = logging.getLogger(__name__)
PLACES = ("none", "disk", "memory", "device")
CACHE_TABLE, CACHE_PIXELS = "table.json", "pixels.bin"
RECORDS_ONLY = "records-"
TABLE_SHAPE = {
    "bytes": int,
    "records": [
        {"path": str, "bad": (str, None), "notices": [str], "width": int, "height": int, "brightness": float},
    ],
    "slots": {str: [int]},
}
# A record has some 200 bytes: the path, which stands twice, and what is wrong with the image.
MOST_RECORD_BYTES = 2_000
# This is part of a cache's name: raise it when decoding or the format changes.
VERSION = 1
CHANNELS = 3
WAYS_OUT = (
    f"Set {CACHE_VARIABLE} to a folder with room, or train without: data.cache=none (always) or "
    "data.cache_fallback=none (only where it cannot be written)"
)


class CacheError(OSError):
    """The cache cannot be written; the message says where and what to do."""


@dataclass(frozen=True)
class Slot:
    """Where a picture's pixels are: uint8, ``height`` x ``width`` x 3, from byte ``offset``."""

    offset: int
    height: int
    width: int


@dataclass(frozen=True)
class Cache:
    """The result of reading a data set.

    Attributes:
        records: one per file, in the order asked for.
        slots: from a path to the place of its pixels; empty where only records were asked for.
        folder: where the cache lies; ``None`` where it could not be written.
    """

    records: list[Record]
    slots: dict[str, Slot]
    folder: Path | None

    def pixels(self, place: str, device: torch.device) -> Callable[[str], Tensor]:
        """Return a function from a path to its picture, uint8 H x W x 3, a view without a copy.

        Of the places, ``disk`` maps the file into memory, ``memory`` reads it whole, ``device`` holds it on ``device``.

        Raises:
            MemoryError: if the pixels do not fit.
        """
        assert self.folder is not None
        data = _load(self.folder / CACHE_PIXELS, place, device)

        def picture(path: str) -> Tensor:
            slot = self.slots[path]
            count = slot.height * slot.width * CHANNELS
            return data[slot.offset : slot.offset + count].view(slot.height, slot.width, CHANNELS)

        return picture


def open_cache(root: Path, paths: Sequence[str], fit: Fit, threads: int, keep_pixels: bool) -> Cache:
    """Return the cache of these files, reading them now unless that was done before.

    Of several processes that ask at once, on one machine or on a file system that they share, one reads and the others
    wait for it; if it dies, another takes over. ``paths`` are relative to ``root``, and ``threads`` of them are read at
    a time. Without ``keep_pixels`` only the records are kept.

    Raises:
        CacheError: if the pixels cannot be written. Records that cannot be written are read again next time, with a
            warning.
    """
    files = [look_up(root, path) for path in paths]
    key = _key(root, files, fit)
    whole, records_only = cache_folder() / f"pixels-{key}", cache_folder() / f"{RECORDS_ONLY}{key}"
    folder = whole if keep_pixels else records_only
    found = _find(whole, paths)
    if not found and not keep_pixels:
        found = _find(records_only, paths)
    if found:
        return found
    try:
        with _explain(folder), one_at_a_time(folder):
            # Another process may have built it while this one waited for the lock.
            return _find(folder, paths) or _build(folder, root, files, fit, threads, keep_pixels)
    except CacheError as error:
        if keep_pixels:
            raise CacheError(f"{error}. {WAYS_OUT}") from error
        log.warning("What the check of the images shows cannot be kept, so each run checks them anew: %s", error)
        return Cache(survey(root, files, fit.read, threads), {}, None)


def _key(root: Path, files: Sequence[FileState], fit: Fit) -> str:
    content = [VERSION, PIL.__version__, str(root.resolve()), asdict(fit), [asdict(file) for file in files]]
    # Names may hold any bytes; ASCII escapes them.
    return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()[:20]


def _find(folder: Path, paths: Sequence[str]) -> Cache | None:
    """Open a cache of these files; ``None`` where there is none, or a damaged one, as after a part of it was deleted.

    Others may write to the disk that it is on, so what its table says of the pixels is checked.
    """
    if not folder.is_dir():
        return None
    try:
        most_bytes = max(MOST_JSON_BYTES, MOST_RECORD_BYTES * len(paths))
        table = read_object(folder / CACHE_TABLE, TABLE_SHAPE, True, most_bytes)
        if table is None:
            raise ValueError(f"it has no {CACHE_TABLE}")
        cache = Cache(
            [Record(**record) for record in table["records"]],
            {path: Slot(*slot) for path, slot in table["slots"].items()},
            folder,
        )
        _check_table(cache, paths, table["bytes"])
    except (OSError, ValueError, TypeError) as error:
        log.warning("The cache %s is damaged and is built anew: %s", folder, error)
        return None
    return cache


def _check_table(cache: Cache, paths: Sequence[str], size: int) -> None:
    """Raise ValueError unless the records are those of the files, and all usable ones' pixels lie in the bytes."""
    assert cache.folder is not None
    if [record.path for record in cache.records] != list(paths):
        raise ValueError(f"{CACHE_TABLE} is of other files")
    if not all(0 <= record.brightness <= 1 for record in cache.records):
        raise ValueError(f"{CACHE_TABLE} has a brightness outside of 0 to 1")
    if not cache.slots and cache.folder.name.startswith(RECORDS_ONLY):
        return
    if cache.slots.keys() != {record.path for record in cache.records if record.bad is None}:
        raise ValueError(f"{CACHE_TABLE} has the pixels of other files")
    if (cache.folder / CACHE_PIXELS).stat().st_size != size:
        raise ValueError(f"{CACHE_PIXELS} has another size than when it was written")
    for slot in cache.slots.values():
        end = slot.offset + slot.height * slot.width * CHANNELS
        if min(slot.offset, slot.height - 1, slot.width - 1) < 0 or end > size:
            raise ValueError(f"{CACHE_TABLE} has pixels outside of {CACHE_PIXELS}")


def _build(folder: Path, root: Path, files: Sequence[FileState], fit: Fit, threads: int, keep_pixels: bool) -> Cache:
    # What lies here is a damaged cache, whose space is needed.
    shutil.rmtree(folder, ignore_errors=True)
    slots: dict[str, Slot] = {}
    with atomic_folder(folder) as unfinished:
        if keep_pixels:
            _check_room(folder.parent, files, fit)
        with (unfinished / CACHE_PIXELS).open("wb") as stream:
            keep = _writer(stream, slots) if keep_pixels else None
            records = survey(root, files, fit.read, threads, keep)
        table = {
            "root": str(root.resolve()),
            "fit": asdict(fit),
            "bytes": (unfinished / CACHE_PIXELS).stat().st_size,
            "records": [asdict(record) for record in records],
            "slots": {path: [slot.offset, slot.height, slot.width] for path, slot in slots.items()},
        }
        with (unfinished / CACHE_TABLE).open("wb") as stream:
            stream.write(json.dumps(table).encode("ascii"))
    return Cache(records, slots, folder)


def _writer(stream: BinaryIO, slots: dict[str, Slot]) -> Callable[[str, Decoded], None]:
    lock = threading.Lock()

    def keep(path: str, decoded: Decoded) -> None:
        height, width, _ = decoded.pixels.shape
        # Writing instead of mapping makes a full disk an error; with a mapping it would kill the process.
        with lock:
            slots[path] = Slot(stream.tell(), height, width)
            stream.write(decoded.pixels.tobytes())

    return keep


@contextmanager
def _explain(folder: Path) -> Iterator[None]:
    """Raise a CacheError that says where, in place of the system's errors while a cache is written."""
    try:
        ensure_folder(folder.parent)
        yield
    except OSError as error:
        file = f" ({error.filename})" if error.filename else ""
        raise CacheError(
            f"the cache of decoded pixels cannot be written to {folder.parent}: {error.strerror or error}{file}"
        ) from error


def _check_room(folder: Path, files: Sequence[FileState], fit: Fit) -> None:
    """Raise OSError unless the disk has room, before anything is read."""
    # This is the least that is needed: before reading, only the shorter side of a crop is known.
    side = round(fit.size * (fit.crop or 1))
    needed = side * side * CHANNELS * sum(file.bad is None for file in files)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free")


def _load(file: Path, place: str, device: torch.device) -> Tensor:
    if not file.stat().st_size:
        return torch.empty(0, dtype=torch.uint8)
    # PyTorch asks for writable memory, hence copy-on-write; nothing writes to it.
    mapped = np.memmap(file, np.uint8, mode="c")
    if place == "disk":
        return torch.from_numpy(mapped)
    try:
        return torch.from_numpy(np.array(mapped)).to(device if place == "device" else "cpu")
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise MemoryError(
            f"the decoded pixels ({mapped.nbytes / 1e6:.0f} MB) do not fit with data.cache={place}: use data.cache=disk"
        ) from error
