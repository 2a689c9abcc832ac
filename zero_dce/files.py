"""Files and folders that are either whole or not there, also after a loss of power, and JSON in such files."""

from __future__ import annotations

import errno
import json
import logging
import math
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zero_dce.checks import OPTIONAL, Shape, find_misfit

if TYPE_CHECKING:
    from filelock import FileLock

log = logging.getLogger(__name__)

# Hardly a file of JSON of this package is larger, and none nested deeper.
MOST_JSON_BYTES, MOST_NESTED = 100_000_000, 32
# Moves the folder of all caches.
CACHE_VARIABLE = "ZERO_DCE_CACHE"
UNFINISHED = ".unfinished"
# Nobody names a folder so: what a killed process left under this name is moved back or removed.
REPLACED = ".before-overwriting"
# The process that writes to a folder holds a lock on this file in it; the system releases the lock when it dies.
LOCK = ".lock"
WAIT_FOR_IT = "wait until it has ended, or end it first"
# What a file system answers that cannot be told to bring a file or a folder to the disk, as some over a network; some
# of them refuse it for what is open to be read only.
CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM}
# What a file system answers that has no locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
# So many files are brought to the disk at a time: a file system does many in little more time than one.
SYNCED_AT_ONCE = 32
# Whether this thread leaves it to a caller to make files durable.
_later = ContextVar("later", default=False)


def cache_folder() -> Path:
    """Return the folder of all caches: ``$ZERO_DCE_CACHE``, or the system's usual place."""
    # Most that use this module keep no cache.
    import platformdirs

    return Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("zero_dce"))


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder for the time of the block, those that ask for it in the same way.

    Between machines it needs a file system whose locks reach that far; one without locks keeps nobody out, and a
    warning says so.

    Raises:
        OSError: if nothing can be written there.
        ValueError: if another process owns the folder.
    """
    with _locked(folder / LOCK, f"another process is writing to {folder}: {WAIT_FOR_IT}"):
        yield


@contextmanager
def one_at_a_time(place: Path) -> Iterator[None]:
    """Let one process at a time make a file or folder, of those that ask for it in the same way; the others wait.

    They may then find it made. The system releases the lock of a process that dies; its file stays. On a file system
    without locks nobody waits, and a warning says so.

    Raises:
        OSError: if nothing can be written there.
    """
    lock = place.with_name(place.name + LOCK)
    with _locked(lock, f"Waiting for another process that makes {place} (it holds {lock})", wait=True):
        yield


@contextmanager
def sole_writer(file: Path) -> Iterator[None]:
    """Keep other processes from writing a file for the time of the block, those that ask for it in the same way.

    Processes that write different files of one folder do not disturb each other. On a file system without locks nobody
    is kept out, and a warning says so.

    Raises:
        OSError: if nothing can be written there.
        ValueError: if another process is writing the file.
    """
    lock = file.with_name(file.name + UNFINISHED + LOCK)
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(lock, f"another process is writing {file}: {WAIT_FOR_IT}"))
        except OSError as error:
            raise OSError(error.errno, f"cannot write {file}: {error.strerror or error}") from error
        # Windows removes no open file; there the lock removes it itself when it is released. What stays is empty, and
        # the next writer of the file removes it.
        stack.callback(_remove, lock)
        yield


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink(missing_ok=True)


@contextmanager
def _locked(place: Path, busy: str, wait: bool = False) -> Iterator[None]:
    """Hold a lock on a file, which is made; where another process holds it, wait for that or raise ValueError."""
    # Reading JSON needs no locks.
    from filelock import Timeout

    lock = lock_of(place)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if not wait:
            raise ValueError(busy) from None
        log.info(busy)
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        # Some clusters mount their disks without locks.
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        log.warning("No lock on %s (%s): see to it that no other process writes there", place.parent, error)
    try:
        yield
    finally:
        lock.release()


def lock_of(place: Path) -> FileLock:
    """Return a lock on a file, which is made; the system releases it when the process that holds it dies."""
    from filelock import FileLock

    # Its own way out, the mere existence of a file, would outlive a process that dies.
    return FileLock(place, fallback_to_soft=False)


def make_durable(*paths: Path) -> None:
    """Return when files are on the disk, and would be there after a loss of power.

    Of a folder these are the names in it, and not what the files of these names hold. A file system that cannot do this
    is let off, and so is a folder that this user may not list; Windows keeps the names in a journal of its own.

    Raises:
        OSError: if something that was written did not reach the disk; it names the file.
    """
    if _later.get():
        return
    if len(paths) == 1:
        _sync(paths[0])
        return
    # Reading JSON needs no threads.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(SYNCED_AT_ONCE) as pool:
        list(pool.map(_sync, paths))


def _sync(path: Path) -> None:
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return
    try:
        descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    except PermissionError:
        if is_folder:
            return
        raise
    try:
        _sync_open(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(descriptor)


def _sync_open(descriptor: int) -> None:
    if sys.platform == "darwin":
        import fcntl

        # On macOS, fsync alone leaves the bytes in the drive's own memory; not all file systems there know more.
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError as error:
            if error.errno not in (*CANNOT_SYNC, errno.ENOTTY):
                raise
    os.fsync(descriptor)


@contextmanager
def durable_later() -> Iterator[None]:
    """Leave out :func:`make_durable` in the block, in this thread.

    The caller makes all durable together afterwards, which is quicker; or nobody would miss it, as a preview.
    """
    token = _later.set(True)
    try:
        yield
    finally:
        _later.reset(token)


def ensure_folder(folder: Path) -> None:
    """Make a folder that may exist, and those above it; they are there after a loss of power."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if made:
        make_durable(*(place.parent for place in made))


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """Give a path to write to. It gets the file's name when the block ends well; else nothing of it stays.

    A process killed in between leaves a file ending in ``.unfinished``. After a loss of power the whole file or an
    earlier one has the name, and once the block has ended it is this one.

    Raises:
        OSError: if it cannot be written, as on a full disk; it names the file.
    """
    unfinished = file.with_name(file.name + UNFINISHED)
    try:
        with name_errors(file, unfinished):
            _remove_link(unfinished)
            yield unfinished
            make_durable(unfinished)
            os.replace(unfinished, file)
        make_durable(file.parent)
    except BaseException:
        # What went wrong is to be told, and not that there is nothing to remove.
        with suppress(OSError):
            unfinished.unlink()
        raise


def _remove_link(place: Path) -> None:
    """Remove a link that has a name which this package gives to what is not finished: it never makes one."""
    if place.is_symlink():
        place.unlink()


@contextmanager
def name_errors(place: Path, unfinished: Path) -> Iterator[None]:
    """Let the system's errors in the block name the file or folder ``place`` instead of ``unfinished``.

    So do errors without any file's name: whoever writes to an open file is told that the disk is full, but not which
    file it was.
    """
    try:
        yield
    except OSError as error:
        name = _final_name(error, place, unfinished)
        if name is None:
            raise
        raise OSError(error.errno, error.strerror, str(name)) from error


def _final_name(error: OSError, place: Path, unfinished: Path) -> Path | None:
    """Return what an error is about, by its name when it is finished; ``None`` if the error is about something else."""
    if error.errno is None:
        return None
    if error.filename is None:
        return place
    # Copying names the source first.
    for name in (error.filename, error.filename2):
        path = Path(os.fsdecode(name) if isinstance(name, bytes) else str(name))
        if name is not None and path.is_relative_to(unfinished):
            return place / path.relative_to(unfinished)
    return None


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder to fill. It gets its name when the block ends well, in the place of an earlier one.

    A process killed in between leaves a folder ending in ``.unfinished``, which the next call clears away, and the
    earlier folder, under its name or, in the moment of the exchange, ending in ``.before-overwriting``: the next call
    restores that. The same holds of a loss of power, and once the block has ended the folder is on the disk.

    Raises:
        OSError: if it cannot be written, as on a full disk; it names the file in the folder.
    """
    unfinished, replaced = (folder.with_name(folder.name + ending) for ending in (UNFINISHED, REPLACED))
    _remove_link(replaced)
    restore_replaced(folder)
    _remove_link(unfinished)
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with name_errors(folder, unfinished):
            ensure_folder(unfinished)
            with durable_later():
                yield unfinished
            make_durable(unfinished, *unfinished.rglob("*"))
            if folder.exists():
                os.replace(folder, replaced)
            os.replace(unfinished, folder)
        # The earlier one goes only afterwards.
        make_durable(folder.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        restore_replaced(folder)


def restore_replaced(folder: Path) -> None:
    """Undo half an exchange of :func:`atomic_folder`: the earlier folder gets its name back, or goes."""
    replaced = folder.with_name(folder.name + REPLACED)
    if not replaced.exists():
        return
    if folder.exists():
        _remove_folder(replaced)
    else:
        os.replace(replaced, folder)


def _remove_folder(folder: Path) -> None:
    """Remove a folder and all in it; an error names its file with the whole path, which shutil's does not."""
    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=_raise_with_path)
    else:
        shutil.rmtree(folder, onerror=lambda function, path, raised: _raise_with_path(function, path, raised[1]))


def _raise_with_path(_: object, path: str, error: BaseException) -> NoReturn:
    if isinstance(error, OSError):
        raise OSError(error.errno, error.strerror, path) from error
    raise error


def write_file(file: Path, content: str | bytes | memoryview) -> None:
    """Write bytes, or text in UTF-8: the file is whole, or there is none of that name but an earlier one.

    Libraries write to memory, and this to the disk: some take a write that a full disk cut short for a whole one
    (Pillow), or end the whole process (PyTorch).

    Raises:
        OSError: if it cannot be written, as on a full disk; it names the file.
    """
    with atomic(file) as unfinished:
        unfinished.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def write_json(file: Path, content: Any) -> None:
    """Write JSON by :func:`write_file`. NaN and infinity, which JSON lacks, become null."""
    write_file(file, json.dumps(finite(content), indent=1, ensure_ascii=False) + "\n")


def read_json(file: Path, names_of_files: bool = False, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """Read JSON that anybody may have written; ``None`` where the file does not exist.

    Args:
        file: the file.
        names_of_files: names that are no Unicode are allowed, with halves of characters in place of their bytes.
        most_bytes: that the file may have.

    Raises:
        ValueError: if it is no JSON, or none that this package writes: larger than ``most_bytes``, nested deeper than
            ``MOST_NESTED``, with a number that is not finite or has more than 64 bits, or with text that is no Unicode.
            The message names the file.
    """
    if not file.is_file():
        return None
    try:
        if file.stat().st_size > most_bytes:
            raise ValueError(f"it has more than {most_bytes / 1e6:.0f} MB")
        content = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        _check_values(content, names_of_files)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{file} is no JSON ({error}); expected a file as this package writes it: restore it, or take it away"
        ) from error
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _check_values(content: Any, names_of_files: bool) -> None:
    """Raise ValueError unless values can be written, shown and walked through like those of this package."""
    level = [content]
    for _ in range(MOST_NESTED):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += [*value, *value.values()]
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str):
                # An escape such as \ud800 makes half a character, which cannot be written.
                value.encode(errors="surrogatepass" if names_of_files else "strict")
            elif isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise ValueError("it has a whole number that is too large")
            elif isinstance(value, float) and not math.isfinite(value):
                raise ValueError("it has a number that is too large")
        level = below
    if level:
        raise ValueError(f"it is nested more than {MOST_NESTED} deep")


def read_object(
    file: Path, shape: Shape, names_of_files: bool = False, most_bytes: int = MOST_JSON_BYTES
) -> dict[str, Any] | None:
    """Read a JSON object and check what is in it; ``None`` where the file does not exist.

    Args:
        file: the file.
        shape: the keys that it must have or may have, and their values, see :func:`zero_dce.checks.find_misfit`.
        names_of_files: as for :func:`read_json`.
        most_bytes: as for :func:`read_json`.

    Raises:
        ValueError: if it holds something else; the message names the file, what is wrong and what was expected.
    """
    content = read_json(file, names_of_files, most_bytes)
    if content is None and not file.is_file():
        return None
    fault = find_misfit(content, shape)
    if fault:
        keys = " and ".join(key for key in shape if isinstance(key, str) and not key.endswith(OPTIONAL))
        expected = f"a JSON object with {keys}" if keys else "a JSON object as this package writes it"
        raise ValueError(f"{file} {fault}; expected {expected}: restore it, or take it away")
    found: dict[str, Any] = content
    return found


def stays_inside(path: str) -> bool:
    """Tell whether a path that was read from a file is relative and leads to something below its folder, links aside.

    >>> stays_inside("exp=3/0"), stays_inside("../0"), stays_inside("/etc")
    (True, False, False)
    """
    parts = re.split(r"[/\\]", path)
    return not Path(path).anchor and "\0" not in path and ".." not in parts and bool({*parts} - {"", "."})


def finite(content: Any) -> Any:
    """Return ``content`` with ``None`` in place of NaN and infinity, which JSON lacks."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
