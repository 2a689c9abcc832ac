"""Watches a process while it works: its memory and its open files, by how much of the work is done."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.processes import Command

SECONDS_BETWEEN_LOOKS = 0.05
# A process that does nothing for so long hangs.
SECONDS_WITHOUT_PROGRESS = 1800


@dataclass(frozen=True)
class Bounds:
    """What the memory of a process may grow by, in MB, with each piece of work.

    ``noise`` is what medians of looks differ by where nothing grows: much of a picture is there for a moment only.
    """

    each: float
    noise: float


RUNS, PICTURES = Bounds(0.1, 2.0), Bounds(0.01, 3.0)


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

    def memory(self, done: int) -> float | None:
        """Return the memory in MB when so many pieces were done, if that was seen."""
        return next((look.memory for look in self.looks if look.done >= done), None)

    def files(self, begin: int, end: int) -> int:
        """Return the most open files while the work went from one piece to another."""
        return max((look.files for look in self.looks if begin <= look.done < end), default=0)

    def growth(self, count: int, bounds: Bounds) -> Iterator[str]:
        """Yield what grew from the second fifth of ``count`` pieces of work, after what is kept once, to the last.

        It is medians that are compared: a file that is open for a moment is seen by some looks and not by others.
        """
        fifths = [[look for look in self.looks if look.done * 5 // count == fifth] for fifth in (1, 4)]
        if not all(fifths):
            yield f"not seen {'in its second fifth' if not fifths[0] else 'near its end'}"
            return
        pieces = 3 * count / 5
        first, last = (statistics.median(look.memory for look in looks) for looks in fifths)
        if last - first > max(bounds.noise, bounds.each * pieces):
            yield f"its memory grew by {last - first:.1f} MB in {pieces:.0f} pieces of work"
        before, after = (statistics.median_low(look.files for look in looks) for looks in fifths)
        if after > before + 2:
            yield f"it had {before} files open in its second fifth, and {after} in its last"

    def figures(self, counts: Sequence[int]) -> str:
        """Describe memory and open files at these pieces of work, the last of which is the end."""
        seen = {count: self.memory(count - 1) for count in counts}
        at = ", ".join(f"{memory:.0f} MB after {count}" for count, memory in seen.items() if memory is not None)
        half = counts[-1] // 2
        files = f"{self.files(0, half)} and {self.files(half, counts[-1])} open files in the halves"
        return f"{at}; peak with the end {self.peak:.0f} MB; {files}; {self.seconds:.0f} s"


def watch(command: Command, done: Callable[[], int], until: float | None = None) -> Watched:
    """Look at a process until it ends; it is ended at ``until``, by ``time.monotonic``, or where it hangs."""
    watched, began = Watched(), time.monotonic()
    most, progress = 0, began
    while command.poll() is None:
        now, count = time.monotonic(), done()
        if count > most:
            most, progress = count, now
        if now > progress + SECONDS_WITHOUT_PROGRESS or (until is not None and now > until):
            command.kill()
        look = _look(command.pid, count)
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
