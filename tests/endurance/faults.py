"""The n-th call by which a command changes a file: counted, a place to be killed at, or a failure.

The calls are those of the C library that ``shim.c`` stands in front of. It is loaded into this process and those that
it starts by ``LD_PRELOAD``, so that a tool that uses it begins with :func:`require_shim`.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from tests.helpers.processes import Command

SOURCE = Path(__file__).with_name("shim.c")
CONTROL = "FAULTS_CONTROL"
# Those of a command that was killed or has ended may need a moment to notice.
SECONDS_TO_END = 10
# Those that a user's disk, quota or administrator makes; EMFILE comes of opening, and EACCES of names.
CALLS = ("open", "write", "fsync", "truncate", "rename", "link", "unlink", "mkdir")


class Action(IntEnum):
    """What happens at the chosen call."""

    COUNT = 0
    KILL = 1
    FAIL_ONCE = 2
    FAIL_ON = 3


class Control(ctypes.Structure):
    """``struct control`` of shim.c."""

    _fields_ = (
        ("armed", ctypes.c_uint32),
        ("action", ctypes.c_uint32),
        ("error", ctypes.c_int32),
        ("calls", ctypes.c_uint32),
        ("at", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("group", ctypes.c_int32),
        ("dead", ctypes.c_uint32),
        ("keep_content", ctypes.c_uint32),
        ("lock", ctypes.c_uint32),
        ("root", ctypes.c_char * 4096),
        ("journal", ctypes.c_char * 4096),
        ("place", ctypes.c_char * 4096),
    )


@dataclass(frozen=True)
class Fault:
    """What happens to a command's calls below a folder.

    Attributes:
        action: what happens at call number ``at``, from 1.
        error: the number of the error that a failing call returns.
        calls: the kinds of calls that fail; all are counted.
        alone: only the process is killed that calls, and not its whole group.
        journal: a file that gets a line for each call; what was written follows it where ``keep_content`` is set.
    """

    action: Action = Action.COUNT
    at: int = 0
    error: int = 0
    calls: tuple[str, ...] = CALLS
    alone: bool = False
    journal: str = ""
    keep_content: bool = False


def build(folder: Path) -> Path:
    """Compile the shim; the program ends with a message where the C compiler, ``gcc``, is not installed."""
    if shutil.which("gcc") is None:
        raise SystemExit("this needs the C compiler gcc, which is not installed")
    library = folder / "shim.so"
    subprocess.run(["gcc", "-O1", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def require_shim() -> None:
    """Start this program again with the shim in it, unless it is there, and end as that does."""
    if CONTROL in os.environ:
        return
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        again = [sys.executable, *sys.orig_argv[1:]]
        done = subprocess.run(again, env={**os.environ, **variables(Path(folder))}, check=False)
    sys.exit(done.returncode)


def variables(folder: Path) -> dict[str, str]:
    """Build the shim and its control file in a folder, and return what a process needs to have them."""
    control = folder / "control"
    control.write_bytes(bytes(ctypes.sizeof(Control)))
    return {"LD_PRELOAD": str(build(folder)), CONTROL: str(control)}


@functools.cache
def _control() -> Control:
    return open_control(Path(os.environ[CONTROL]))


def open_control(name: Path) -> Control:
    """Return the settings in a file, which are shared with all that have it."""
    with name.open("r+b") as file:
        return Control.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(Control)))


def _arm(root: str, fault: Fault) -> None:
    """In the process that is hit, which leads its group, before it does anything."""
    configure(_control(), root, fault, os.getpgrp())


def configure(control: Control, root: str, fault: Fault, group: int) -> None:
    """Let the fault come about below a folder in the processes that have this control, from now on."""
    control.action, control.at, control.error = fault.action, fault.at, fault.error
    control.calls = sum(1 << CALLS.index(name) for name in fault.calls)
    control.root, control.journal = root.encode(), fault.journal.encode()
    control.keep_content, control.group = fault.keep_content, 0 if fault.alone else group
    control.count = control.dead = control.lock = 0
    control.place = b""
    control.armed = 1


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: its exit code.
        calls: how many calls there were.
        printed: what it printed.
        place: the file or folder at which the fault came about first; empty where it did not.
        left: how many of its processes were left 10 seconds after its end; they were killed.
    """

    code: int
    calls: int
    printed: str
    place: str = ""
    left: int = 0

    @property
    def killed(self) -> bool:
        """Whether it was killed by the fault."""
        return self.code == -9


def run(module: str, arguments: Sequence[str], folder: Path, root: Path, fault: Fault | None = None) -> Outcome:
    """Run ``python -m MODULE ARGUMENTS`` in ``folder`` to its end, with a fault below ``root``."""
    fault = fault or Fault()
    command = Command(module, arguments, folder, prepare=functools.partial(_arm, os.fspath(root), fault))
    try:
        code = command.wait()
    finally:
        control = _control()
        control.armed = 0
        # Also of a command that hangs nothing goes on.
        left = _end_group(command.pid)
    return Outcome(code, control.count, command.output() + command.errors(), os.fsdecode(control.place), left)


def _end_group(group: int) -> int:
    """Wait until the processes of a group have ended, and kill those that have not; returns how many these are."""
    until = time.monotonic() + SECONDS_TO_END
    while (left := _members(group)) and time.monotonic() < until:
        time.sleep(0.05)
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return len(left)


def _members(group: int) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name of the program, in brackets, may hold anything.
            state, _, of_group, *_ = file.read_text().rpartition(")")[2].split()
            if int(of_group) == group and state != "Z":
                found.append(int(file.parent.name))
    return found


def read_journal(file: Path) -> Iterable[tuple[str, str, str, int, int, bytes]]:
    """Yield each call: its kind, path, other path or note, offset, size, and what it wrote where that was kept."""
    with file.open("rb") as stream:
        for line in iter(stream.readline, b""):
            _, kind, path, other, offset, size, kept = os.fsdecode(line.rstrip(b"\n")).split("\t")
            yield kind, path, other, int(offset), int(size), stream.read(int(kept))
