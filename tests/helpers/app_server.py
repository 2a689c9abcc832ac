"""The page's server as a process of its own, which notes whom it wants to speak to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.helpers.paths import ROOT

# This only ends a test that hangs.
SECONDS_TO_START = 120.0
# Python runs this first in a process that finds it. Addresses on this machine are not noted.
WATCH = """
import socket
from pathlib import Path

connect, look_up = socket.socket.connect, socket.getaddrinfo
LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0", None)

def note(host):
    if host not in LOCAL:
        with Path({log!r}).open("a") as file:
            print(host, file=file)

def watched_connect(self, address):
    if isinstance(address, tuple):
        note(address[0])
    return connect(self, address)

def watched_look_up(host, *rest, **more):
    note(host.decode() if isinstance(host, bytes) else host)
    return look_up(host, *rest, **more)

socket.socket.connect, socket.getaddrinfo = watched_connect, watched_look_up
"""


class AppServer:
    """Starts ``python COMMAND ... --port``, and waits until the page can be opened.

    Attributes:
        url: of the page.
        temporary: the folder for its temporary files.
    """

    def __init__(self, folder: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.temporary, watch = folder / "temporary", folder / "watch"
        self.temporary.mkdir()
        watch.mkdir()
        self._spoken = folder / "spoken_to.txt"
        (watch / "sitecustomize.py").write_text(WATCH.format(log=str(self._spoken)))
        path = os.pathsep.join([str(watch), str(ROOT)])
        variables = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(self.temporary), **(environment or {})}
        self._output, self._errors = folder / "output.txt", folder / "errors.txt"
        with self._output.open("w") as output, self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=variables, stdout=output, stderr=errors,
                # A shell's background job ignores it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )  # fmt: skip
        self.url = self._wait()

    def _wait(self) -> str:
        until = time.monotonic() + SECONDS_TO_START
        while "(Ctrl-C ends it)" not in self.output():
            assert self._process.poll() is None, self.errors()
            assert time.monotonic() < until, self.errors()
            time.sleep(0.1)
        return next(word for word in self.output().split() if word.startswith("http"))

    def output(self) -> str:
        return self._output.read_text()

    def errors(self) -> str:
        return self._errors.read_text()

    def spoken_to(self) -> set[str]:
        """Return the hosts that it looked up or connected to, beside this machine."""
        return set(self._spoken.read_text().split()) if self._spoken.exists() else set()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, and return the exit code."""
        self._process.send_signal(number)
        try:
            return self._process.wait(60)
        finally:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
