"""Run a check in a process of its own, which may crash, hang or take too much memory."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.endurance.reader import scratch

# What reading a small file may take: seconds of processor time, and memory beside that of the process before.
MOST_SECONDS, MOST_MEGABYTES = 10, 500
# A process that waits for something is ended after so many seconds by the clock.
WALL_SECONDS = 60
# Addresses, of which not all need be memory.
GUARD_MEGABYTES = 3000
MEGABYTE = 1 << 20
# So many inputs share a process as long as nothing is wrong.
BATCH = 20


class Outcome(NamedTuple):
    """What a check did.

    Attributes:
        problem: what is wrong in one line, which is the same for the same defect; empty where all is well.
        report: the whole traceback, if there is one.
        seconds: of processor time.
        megabytes: at most, beside what the process had before.
    """

    problem: str
    report: str
    seconds: float
    megabytes: float


def run_isolated(check: Callable[[bytes], object], content: bytes) -> Outcome:
    """Run a check on bytes in a fork of this process, which must have a single thread."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    # What the check leaves behind goes with this folder, however its process ends.
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as folder:
        child = os.fork()
        if not child:
            os.close(reading)
            tempfile.tempdir = folder
            scratch.cache_clear()
            _run_child(check, content, writing)
        os.close(writing)
        with open(reading, "rb") as pipe:  # noqa: PTH123
            before, _, report = pipe.read().decode(errors="replace").partition("\n")
        _, status, usage = os.wait4(child, 0)
    seconds, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024 - float(before)
    return Outcome(_problem(status, report, seconds, megabytes), report, seconds, max(0.0, megabytes))


def run_all(check: Callable[[bytes], object], contents: Sequence[bytes]) -> Iterator[Outcome]:
    """Yield what a check does with each of some inputs: alone, where something is wrong with those of a batch."""
    for start in range(0, len(contents), BATCH):
        batch = contents[start : start + BATCH]
        together = run_isolated(lambda _, batch=batch: [check(content) for content in batch], b"")
        alone = [run_isolated(check, content) for content in batch] if together.problem else [together] * len(batch)
        # Several may take more time and memory than one; anything else is wrong, be it only after other inputs.
        if not any(outcome.problem for outcome in alone) and not together.problem.startswith(("hang", "memory")):
            alone = [together] * len(batch)
        yield from alone


def describe_raised(error: BaseException) -> str:
    """Name an error and the last place of this project's code that it passed, which tells defects apart."""
    places = [(imported_as(frame.filename), frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    own = [place for place in places if place[0].startswith("zero_dce/")] or places
    return type(error).__name__ + "".join(f" in {file}:{name}" for file, name in own[-1:])


def imported_as(file: str) -> str:
    """Return a file's path from the folder that it is imported from, which is the same on all machines."""
    inside = [Path(file).relative_to(folder) for folder in sys.path if folder and Path(file).is_relative_to(folder)]
    return min(map(str, inside), key=len, default=Path(file).name)


def guard_memory() -> None:
    """Give this process no more than some memory beside what it has, so that the machine stays usable."""
    most = _pages(0) + GUARD_MEGABYTES * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _run_child(check: Callable[[bytes], object], content: bytes, writing: int) -> None:
    """Run the check; write the memory before it, in MB, and what is wrong; the process ends here."""
    os.write(writing, f"{_pages(1) / MEGABYTE}\n".encode())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS + 1, MOST_SECONDS + 3))
    guard_memory()
    # Where a crash or a hang was is written too.
    faulthandler.enable(writing)
    for number in (signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
        faulthandler.register(number, writing, chain=True)
    signal.alarm(WALL_SECONDS)
    try:
        check(content)
    except BaseException as error:
        text = f"{describe_raised(error)}\n" + "".join(traceback.format_exception(error))
        with open(writing, "wb", closefd=False) as pipe:
            pipe.write(text.encode(errors="replace"))
    os._exit(0)


def _problem(status: int, report: str, seconds: float, megabytes: float) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        late = {signal.SIGXCPU: "processor time", signal.SIGKILL: "processor time", signal.SIGALRM: "waiting"}
        return f"hang: {late[number]}" if number in late else f"crash: {signal.Signals(number).name}"
    if report:
        return report.partition("\n")[0]
    if os.WEXITSTATUS(status):
        return f"crash: exit status {os.WEXITSTATUS(status)}"
    if seconds > MOST_SECONDS:
        return "hang: processor time"
    return "memory" if megabytes > MOST_MEGABYTES else ""


def _pages(field: int) -> int:
    """Return what a field of statm says in bytes: 0 is the address space, 1 the memory that is there."""
    with open("/proc/self/statm") as stream:  # noqa: PTH123
        return int(stream.read().split()[field]) * resource.getpagesize()
