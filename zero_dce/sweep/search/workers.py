"""Which processes of a search are alive: each holds a lock of its own, which the system releases when it dies."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from zero_dce.sweep.search.plan import FOLDER


class Worker:
    """This process as one of a search's, from ``with`` to its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        # Numbers of processes are used again.
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._lock = FileLock(self._file(self.name))

    def __enter__(self) -> Worker:
        """Begin to count as alive."""
        self._lock.acquire()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Count as gone."""
        self._lock.release()
        self._file(self.name).unlink(missing_ok=True)

    def is_alive(self, name: str) -> bool:
        """Tell whether the worker of that name is there yet; to be asked under the folder's lock."""
        if name == self.name:
            return True
        file = self._file(name)
        if not file.exists():
            return False
        try:
            with FileLock(file, timeout=0):
                pass
        except Timeout:
            return True
        file.unlink(missing_ok=True)
        return False

    def _file(self, name: str) -> Path:
        return self.folder / f"worker-{name}.lock"
