"""Where a study is kept: Optuna's journal in the sweep's folder, or a database."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from zero_dce.files import make_durable, name_errors
from zero_dce.records.sweep import SEARCH_FOLDER

log = logging.getLogger(__name__)
JOURNAL = "journal.log"
# What JournalFileOpenLock makes while it writes. A worker that finds one waits for ten seconds.
_LOCK = f"{JOURNAL}.lock"


def open_storage(folder: Path, storage: str | None) -> BaseStorage:
    """Open the database of that address, or the journal in the sweep's folder; under the lock of that.

    Raises:
        ValueError: if the database cannot be opened.
    """
    if storage is None:
        mend_journal(folder)
        journal = str(folder / SEARCH_FOLDER / JOURNAL)
        # Optuna's default lock is a symbolic link, which Windows lets few users create.
        opened = JournalStorage(JournalFileBackend(journal, JournalFileOpenLock(journal)))
        # Optuna brings each line to the disk, and this the file's name.
        make_durable(folder / SEARCH_FOLDER)
        return opened
    try:
        return RDBStorage(storage)
    except Exception as error:
        # The errors of SQLAlchemy and of each driver have no base class in common.
        raise ValueError(f"hydra.sweeper.storage={storage} cannot be opened: {error}") from error


def mend_journal(folder: Path) -> None:
    """Remove what a worker left that was killed while it wrote: Optuna's lock, and half a line.

    Nothing has relied on that line, and Optuna would append the next one to it, and read neither. All that write hold
    the lock of the sweep's folder, and so must who calls this.
    """
    journal = folder / SEARCH_FOLDER / JOURNAL
    if not journal.is_file():
        return
    journal.with_name(_LOCK).unlink(missing_ok=True)
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - 1))
        if file.read(1) in (b"", b"\n"):
            return
    log.warning("%s ends in half a line, of a process that was killed while it wrote: it is removed", journal)
    os.truncate(journal, journal.read_bytes().rfind(b"\n") + 1)


@contextmanager
def explain_storage(folder: Path, storage: str | None, damaged: type[Exception]) -> Iterator[None]:
    """Raise an error that names the journal or the database in place of what Optuna raises.

    Args:
        folder: the sweep's.
        storage: a database's address; ``None`` for the journal in the folder.
        damaged: what Optuna, which checks nothing, raises on a damaged journal. That may be anything when it is opened.
            Afterwards other things go wrong too, and what is still the journal's is a last line that was cut short:
            Optuna reads it once there is another one.

    Raises:
        OSError: of the system, such as on a full disk.
        ValueError: if the journal is damaged, or the database does not do what it is asked.
    """
    journal = folder / SEARCH_FOLDER / JOURNAL
    try:
        with name_errors(journal, journal):
            yield
    except StorageInternalError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ValueError(f"hydra.sweeper.storage={storage} cannot be used: {reason}") from error
    except damaged as error:
        if storage is not None or isinstance(error, OSError):
            raise
        raise ValueError(
            f"{journal} cannot be read ({type(error).__name__}: {error}): restore it, or begin another search in "
            "another folder"
        ) from error
