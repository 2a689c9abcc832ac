"""Let the power fail after each call by which a command changes a file, and check what is promised of what is left.

``python -m tests.endurance.power [--scenario NAME] [--subsets N] [--resumes N] [--minutes N] [--seed N]`` records what
commands do to their folder, and after each call asks every model of :mod:`tests.endurance.disk` what the disk would
hold. Some of that is written out, and the command goes on as a user would. It writes the table ``power.md`` beside
this file, and ends with 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from tests.endurance import faults
from tests.endurance.disk import MODELS, Disk, Image, write_image
from tests.endurance.faults import Fault, Outcome
from tests.endurance.power_scenarios import SCENARIOS
from tests.endurance.promises import Promises
from tests.endurance.scenarios import Call, Scenario
from tests.endurance.trials import describe_difference

TABLE = Path(__file__).with_suffix(".md")
ANY_ORDER = "any order"


@dataclass
class Count:
    """What was found in one scenario.

    Attributes:
        calls: by which the command changed a file, and how many of them were fsync.
        disks: how many different disks each model left.
        resumed: how many of them the command went on from.
        wrong: what is not as promised, with the call and the model.
        unsynced: of how many disks a promise would be broken if fsync did nothing.
    """

    calls: int = 0
    syncs: int = 0
    disks: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MODELS, 0))
    resumed: int = 0
    wrong: list[str] = field(default_factory=list)
    unsynced: int = 0


class Recording:
    """One command, run undisturbed with a journal of its calls, and what any loss of power leaves of them.

    Args:
        scenario: the command.
        base: a folder for all that is recorded, one for all recordings of a process; temporary files are in it, because
            Lightning writes checkpoints to one first and then moves it.
    """

    def __init__(self, scenario: Scenario, base: Path) -> None:
        self.scenario, self.base, self.folder = scenario, base, base / "work"
        for name in ("work", "inputs", "before"):
            shutil.rmtree(base / name, ignore_errors=True)
        (base / "inputs").mkdir()
        self.folder.mkdir()
        self.call = scenario.prepare(base / "inputs")
        scenario.begin(base / "inputs", self.folder)
        shutil.copytree(self.folder, base / "before")
        journal = base / "journal"
        outcome = self._run(self.call, base, Fault(journal=str(journal), keep_content=True))
        assert outcome.code == scenario.code, f"{outcome.code}: {outcome.printed}"
        self.calls = list(faults.read_journal(journal))
        journal.unlink()
        self.final, self.expected = self._disk().now(), scenario.snapshot(self.folder)
        self.before()

    def _run(self, call: Call, root: Path, fault: Fault | None = None) -> Outcome:
        with patch.dict(os.environ, self.scenario.environment(self.folder)):
            return faults.run(*call, self.folder, root, fault)

    def before(self) -> None:
        """Put the folder back to what it was before the command."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.base / "before", self.folder)

    def _disk(self) -> Disk:
        return Disk(self.base, self.folder.name)

    def disks(self, subsets: int, seed: int) -> Iterator[tuple[int, str, Image, Promises]]:
        """Yield after how many calls the power fails, the model, what is left by it, and what is promised by then."""
        disk, chance = self._disk(), random.Random(seed)
        promises = Promises(self.final, disk.named, disk.now(), self.scenario.artifacts)
        for number, call in enumerate([None, *self.calls]):
            if call is not None:
                disk.apply(*call)
            for model, left in MODELS.items():
                for _ in range(subsets if model == ANY_ORDER else 1):
                    yield number, model, left(disk, chance), promises
        assert disk.now() == self.final, "the journal is not complete"

    def check(self, subsets: int, seed: int) -> tuple[Count, list[tuple[int, str, Image]]]:
        """Check every disk, each once; return what was found, and the disks."""
        count = Count(len(self.calls), sum(call[0] == "fsync" for call in self.calls))
        different: dict[frozenset[tuple[str, bytes | None]], tuple[int, str, Image]] = {}
        seen = set()
        for number, model, image, promises in self.disks(subsets, seed):
            key = frozenset(image.items())
            if (model, key) not in seen:
                seen.add((model, key))
                count.disks[model] += 1
            if key not in different:
                different[key] = (number, model, image)
                wrong = promises.describe_broken(image)
                count.wrong += [f"after call {number}, {model}: {wrong}"] if wrong else []
            if number == len(self.calls):
                lost = promises.describe_lost(image)
                count.wrong += [f"after the command, {model}: {lost}"] if lost else []
        return count, list(different.values())

    def resume(self, image: Image) -> str:
        """Go on from a disk as a user would; return how what comes out differs from the undisturbed command's."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        write_image(image, self.folder)
        outcome = self._run(self.scenario.again(self.folder, self.call), self.folder)
        if outcome.code != self.scenario.code:
            return f"going on ended with {outcome.code}: {outcome.printed[-500:]}"
        difference = describe_difference(self.expected, self.scenario.snapshot(self.folder))
        return "; ".join(filter(None, [difference, self.scenario.check(self.folder)]))

    def broken_without_fsync(self, seed: int) -> int:
        """Return how many disks would break a promise if fsync did nothing: what is checked can fail."""
        calls, self.calls = self.calls, [call for call in self.calls if call[0] != "fsync"]
        try:
            return len(self.check(0, seed)[0].wrong)
        finally:
            self.calls = calls


@contextmanager
def temporary_base() -> Iterator[Path]:
    """Give the folder for a process's recordings, and let commands keep their cache and temporary files in it."""
    with tempfile.TemporaryDirectory(prefix="power-") as folder:
        base = Path(folder).resolve()
        (base / "temporary").mkdir()
        os.environ |= {"ZERO_DCE_CACHE": str(base / "work" / "cache"), "TMPDIR": str(base / "temporary")}
        yield base


def try_scenario(recording: Recording, subsets: int, resumes: int, seed: int, until: float) -> Count:
    """Check all disks of a recording, and resume from some of them, until a time by ``time.monotonic``."""
    count, disks = recording.check(subsets, seed)
    count.unsynced = recording.broken_without_fsync(seed)
    if count.syncs and not count.unsynced:
        count.wrong.append("no promise is broken without fsync either: nothing was checked")
    for number, model, image in random.Random(seed).sample(disks, min(resumes, len(disks))):
        if time.monotonic() > until:
            break
        count.resumed += 1
        wrong = recording.resume(image)
        count.wrong += [f"resumed after call {number}, {model}: {wrong}"] if wrong else []
    return count


def describe(counts: dict[str, Count], seed: int) -> str:
    """Lay out the counts as a Markdown page."""
    disks = [f"disks: {model}" for model in MODELS]
    columns = ["command", "calls", "of them fsync", *disks, "gone on", "broken", "without fsync"]
    lines = [
        "# Loss of power\n",
        "Each command's calls that change a file are recorded. After each of them the power fails: what was not made "
        "durable by fsync is dropped by four models of a file system, and what is left must keep the promises. Of some "
        "of the disks the command goes on as a user would, and must come to the result of the undisturbed one. "
        "The last column says of how many disks a promise would be broken if fsync did nothing. "
        "`python -m tests.endurance.power` (`make power-test`) writes this page.\n",
        f"Seed {seed}; Python {platform.python_version()}, {platform.platform()}.\n",
        f"| {' | '.join(columns)} |",
        f"| --- {'| --: ' * (len(columns) - 1)}|",
    ]
    for name, count in counts.items():
        cells = [name, count.calls, count.syncs, *count.disks.values(), count.resumed, len(count.wrong), count.unsynced]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += [f"\n{name}: {wrong}" for name, count in counts.items() for wrong in count.wrong]
    return "\n".join([*lines, ""])


def main() -> None:
    """Try the scenarios that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="default: all, and write the table")
    parser.add_argument("--subsets", type=int, default=10, help="random disks after each call; default: %(default)s")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="go on from no further disk after this time"
    )
    parser.add_argument("--resumes", type=int, default=20, help="disks of each to go on from; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of what is random")
    options = parser.parse_args()
    faults.require_shim()
    counts, until = {}, time.monotonic() + 60 * options.minutes
    with temporary_base() as base:
        for name in options.scenario or SCENARIOS:
            recording = Recording(SCENARIOS[name], base)
            counts[name] = try_scenario(recording, options.subsets, options.resumes, options.seed, until)
            print(name, counts[name].calls, "calls,", len(counts[name].wrong), "broken", flush=True)
    table = describe(counts, options.seed)
    print(table)
    if not options.scenario:
        TABLE.write_text(table, encoding="utf-8")
    sys.exit(any(count.wrong for count in counts.values()))


if __name__ == "__main__":
    main()
