"""MLflow's store on disk, which is whole or not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

from zero_dce.files import atomic
from zero_dce.train.loggers.mlflow_address import first_line

# SQLite's files of a database: itself, and what belongs to a change that is not complete.
SQLITE_FILES = ("", "-journal", "-wal", "-shm")


def ensure_store(file: Path) -> None:
    """Make the database file unless it is there; one process at a time.

    MLflow makes its tables one after the other, in thousands of writes, and cannot open a database in which a process
    was killed meanwhile.

    Raises:
        OSError: if it cannot be written.
    """
    if file.exists():
        return
    with atomic(file) as unfinished:
        for part in SQLITE_FILES:
            unfinished.with_name(unfinished.name + part).unlink(missing_ok=True)
        # SQLite would make it so that nobody but the user can write to it, whatever the umask says.
        unfinished.touch()
        try:
            # As MLflow's client makes it.
            make: Callable[[str, str], Any] = SqlAlchemyStore
            make(f"sqlite:///{unfinished.as_posix()}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine.dispose()
        except SQLAlchemyError as error:
            raise OSError(f"{file} cannot be made, perhaps because the disk is full: {first_line(error)}") from error
