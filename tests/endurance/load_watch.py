"""Watches a process while it works: its memory and its open files, by how much of the work is done."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.processes import Command

SECONDS_BETWEEN_LOOKS = 0.2
# What the memory of a process may grow by while its work goes on and on: freed memory lies in pieces.
MOST_GROWTH_MB = 16.0


@dataclass(frozen=True)
class Look:
    """A look at a process: how many pieces of its work were done, its memory in MB, how many files it had open."""

    done: int
    memory: float
    files: int


@dataclass
class Watched:
    """What was seen of a process until its end: each look, its peak of memory in MB, its exit code and its time."""

    looks: list[Look] = field(default_factory=list)
    peak: float = 0.0
    code: int = 0
    seconds: float = 0.0

    def memory(self, done: int) -> float:
        """Return the memory in MB when so many pieces were done."""
        return next((look.memory for look in self.looks if look.done >= done), 0.0)

    def files(self, begin: int, end: int) -> int:
        """Return the most open files while the work went from one piece to another."""
        return max((look.files for look in self.looks if begin <= look.done < end), default=0)

    def growth(self, count: int) -> Iterator[str]:
        """Yield what grew from the first fifth of ``count`` pieces of work to the last one."""
        early, late = count // 5, count - 1
        grown = self.memory(late) - self.memory(early)
        if grown > MOST_GROWTH_MB:
            yield f"its memory grew by {grown:.0f} MB from piece {early} to {late}"
        before, after = self.files(0, count // 2), self.files(count // 2, count)
        if after > before + 2:
            yield f"it had at most {before} files open in the first half, and {after} in the second"

    def figures(self, counts: Sequence[int]) -> str:
        """Describe memory and open files at these pieces of work, the last of which is the end."""
        at = ", ".join(f"{self.memory(count - 1):.0f} MB after {count}" for count in counts)
        half = counts[-1] // 2
        files = f"{self.files(0, half)} and {self.files(half, counts[-1])} open files in the halves"
        return f"{at}; peak with the end {self.peak:.0f} MB; {files}; {self.seconds:.0f} s"


def watch(command: Command, done: Callable[[], int], until: float | None = None) -> Watched:
    """Look at a process until it ends, or ends because the clock, by ``time.monotonic``, is at ``until``."""
    watched, began = Watched(), time.monotonic()
    while command.poll() is None:
        if until is not None and time.monotonic() > until:
            command.kill()
        look = _look(command.pid, done())
        if look is not None:
            watched.looks.append(look[0])
            watched.peak = max(watched.peak, look[1])
        time.sleep(SECONDS_BETWEEN_LOOKS)
    watched.code, watched.seconds = command.poll() or 0, time.monotonic() - began
    return watched


def _look(pid: int, done: int) -> tuple[Look, float] | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return None
    sizes = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status))
    # A process that is ending has given back its memory.
    return (Look(done, int(sizes["VmRSS"]) / 1024, files), int(sizes["VmHWM"]) / 1024) if "VmRSS" in sizes else None


class InOrder:
    """Counts files that come one after the other, without listing their folder each time."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files, self._done = files, 0

    def __call__(self) -> int:
        while self._done < len(self._files) and self._files[self._done].exists():
            self._done += 1
        return self._done
