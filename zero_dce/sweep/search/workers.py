"""Which workers of a search are alive: each holds a lock of its own, which the system releases when it dies."""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from zero_dce.files import ensure_folder, lock_of
from zero_dce.records.sweep import SEARCH_FOLDER
from zero_dce.sweep.search.plan import lock_folder


class Worker:
    """This process as a worker of a search; it counts as alive inside the ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / SEARCH_FOLDER
        ensure_folder(self.folder)
        # The system gives the number of a dead process to another one, so it alone is not enough.
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._lock = lock_of(self._file(self.name))

    def __enter__(self) -> Worker:
        """Count as alive from here on."""
        # Another worker that looks for dead ones would take a lock file that nobody holds yet for that of one.
        with lock_folder(self.folder.parent):
            self._lock.acquire()
            self.clear_dead()
        return self

    def __exit__(self, *_: object) -> None:
        """Count as gone from here on."""
        self._lock.release()
        # Where it cannot be removed, the next worker does; what ends the search is told, and not this.
        with suppress(OSError):
            self._file(self.name).unlink(missing_ok=True)

    def is_alive(self, name: str) -> bool:
        """Return whether the worker of that name is still there; only under the lock of the search's folder."""
        if name == self.name:
            return True
        file = self._file(name)
        if not file.exists():
            return False
        try:
            with lock_of(file).acquire(blocking=False):
                pass
        except Timeout:
            return True
        file.unlink(missing_ok=True)
        return False

    def clear_dead(self) -> None:
        """Remove the locks of workers that were killed; only under the lock of the search's folder."""
        for file in self.folder.glob("worker-*.lock"):
            self.is_alive(file.stem.removeprefix("worker-"))

    def _file(self, name: str) -> Path:
        return self.folder / f"worker-{name}.lock"
