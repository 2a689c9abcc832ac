"""The n-th call by which a command changes a file: counted, a place to be killed at, or a failure.

The calls are those of the C library that ``shim.c`` stands in front of. It is loaded into this process and those that
it starts by ``LD_PRELOAD``, so that a tool that uses it begins with :func:`require_shim`.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from tests.helpers.processes import Command

SOURCE = Path(__file__).with_name("shim.c")
CONTROL = "FAULTS_CONTROL"
# Those that a user's disk, quota or administrator makes; EMFILE comes of opening, and EACCES of names.
CALLS = ("open", "write", "fsync", "truncate", "rename", "link", "unlink", "mkdir")


class Action(IntEnum):
    """What happens at the chosen call."""

    COUNT = 0
    KILL = 1
    FAIL_ONCE = 2
    FAIL_ON = 3


class _Control(ctypes.Structure):
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
        ("skip", ctypes.c_char * 256),
        ("journal", ctypes.c_char * 4096),
    )


@dataclass(frozen=True)
class Fault:
    """What happens to a command's calls below a folder.

    Attributes:
        action: what happens at call number ``at``, from 1.
        error: the number of the error that a failing call returns.
        calls: the kinds of calls that fail; all are counted.
        skip: calls on names with this in them are not counted.
        journal: a file that gets a line for each call; what was written follows it where ``keep_content`` is set.
    """

    action: Action = Action.COUNT
    at: int = 0
    error: int = 0
    calls: tuple[str, ...] = CALLS
    skip: str = ""
    journal: str = ""
    keep_content: bool = False


def build(folder: Path) -> Path:
    """Compile the shim; it needs a C compiler, ``gcc``."""
    library = folder / "shim.so"
    subprocess.run(["gcc", "-O1", "-Wall", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def require_shim() -> None:
    """Start this program again with the shim in it, unless it is there."""
    if CONTROL in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    control = folder / "control"
    control.write_bytes(bytes(ctypes.sizeof(_Control)))
    environment = {**os.environ, "LD_PRELOAD": str(build(folder)), CONTROL: str(control)}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


@functools.cache
def _control() -> _Control:
    with Path(os.environ[CONTROL]).open("r+b") as file:
        return _Control.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(_Control)))


def _arm(root: str, fault: Fault) -> None:
    """In the process that is hit, which leads its group, before it does anything."""
    control = _control()
    control.action, control.at, control.error = fault.action, fault.at, fault.error
    control.calls = sum(1 << CALLS.index(name) for name in fault.calls)
    control.root, control.skip, control.journal = root.encode(), fault.skip.encode(), fault.journal.encode()
    control.keep_content, control.group = fault.keep_content, os.getpgrp()
    control.count = control.dead = control.lock = 0
    control.armed = 1


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, how many calls there were, and what it printed."""

    code: int
    calls: int
    printed: str

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
    return Outcome(code, control.count, command.output() + command.errors())


def read_journal(file: Path) -> Iterable[tuple[str, str, str, int, int, bytes]]:
    """Yield each call: its kind, path, other path or note, offset, size, and what it wrote where that was kept."""
    with file.open("rb") as stream:
        for line in iter(stream.readline, b""):
            _, kind, path, other, offset, size, kept = os.fsdecode(line.rstrip(b"\n")).split("\t")
            yield kind, path, other, int(offset), int(size), stream.read(int(kept))
