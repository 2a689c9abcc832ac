"""A command is disturbed at one of its calls, goes on as a user would, and is compared with an undisturbed one."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tests.endurance import faults
from tests.endurance.faults import CALLS, Action, Fault, Outcome
from tests.endurance.scenarios import Call, Scenario
from tests.endurance.whole import FOREIGN, PASSING, find_mixed, find_torn
from zero_dce.export.write import EARLIER

# A file system may notice a full disk or quota only when it writes back, and needs space for a longer folder.
NEEDS_SPACE = ("open", "write", "fsync", "truncate", "rename", "mkdir", "link")
NAMES = ("open", "mkdir", "rename", "unlink")
# One kind of call after the other fails: its name, what happens, with which error, and which calls it may hit.
ERRORS: dict[str, tuple[Action, int, tuple[str, ...]]] = {
    "disk full": (Action.FAIL_ON, errno.ENOSPC, NEEDS_SPACE),
    "quota used up": (Action.FAIL_ON, errno.EDQUOT, NEEDS_SPACE),
    "one I/O error": (Action.FAIL_ONCE, errno.EIO, CALLS),
    "I/O errors": (Action.FAIL_ON, errno.EIO, CALLS),
    "one open too many": (Action.FAIL_ONCE, errno.EMFILE, ("open",)),
    "opens too many": (Action.FAIL_ON, errno.EMFILE, ("open",)),
    "one permission": (Action.FAIL_ONCE, errno.EACCES, NAMES),
    "permissions": (Action.FAIL_ON, errno.EACCES, NAMES),
}
# SQLite has words of its own.
OF_SQLITE = ("database or disk is full", "disk I/O error", "unable to open database file", "readonly database")
# All that is killed; in several processes also one alone.
KILL, KILL_ALONE, KILL_TWICE = "kill", "kill one process", "kill twice"
# The commands that only read are tried at every so many calls.
READ_EVERY = 10


@dataclass(frozen=True)
class Trial:
    """One disturbance of one scenario at one call."""

    scenario: str
    fault: str
    at: int


class Trials:
    """Trials of one scenario, all in a working folder of one name, as outputs may name it."""

    def __init__(self, scenario: Scenario, base: Path, seed: int = 0) -> None:
        self.scenario, self.base, self.seed = scenario, base, seed
        self.folder = base / "work"
        self.inputs = base / "inputs"
        self.inputs.mkdir(parents=True)
        self.call: Call = scenario.prepare(self.inputs)
        self._begin()
        self.before = self._snapshot()
        journal = base / "journal"
        outcome = self._run(self.call, Fault(journal=str(journal)))
        assert outcome.code == scenario.code, outcome.printed
        self.calls, self.expected = outcome.calls, self._snapshot()
        # The kind of each call of the undisturbed command.
        self.kinds = [kind for kind, *_ in faults.read_journal(journal)] if self.calls else []

    def plan(self, fault: str) -> list[int]:
        """Return the calls that a fault can hit, by their numbers."""
        if fault == KILL_ALONE and not self.scenario.several:
            return []
        _, _, hit = ERRORS.get(fault, (None, 0, CALLS))
        return [number for number, kind in enumerate(self.kinds, start=1) if kind in hit]

    def run(self, fault: str, at: int) -> str:
        """Return what is wrong after a fault at a call, or nothing."""
        try:
            if fault in ERRORS:
                return self.fail(fault, at)
            return self.kill(at, alone=fault == KILL_ALONE, twice=fault == KILL_TWICE)
        except Exception as error:
            # A command that hangs, or a file that cannot be compared.
            return f"{type(error).__name__}: {error}"

    def kill(self, at: int, alone: bool = False, twice: bool = False) -> str:
        """Kill the command at a call and go on; returns what is wrong then, or nothing."""
        self._begin()
        outcome = self._run(self.call, Fault(Action.KILL, at, alone=alone))
        if not (outcome.place and (alone or outcome.killed)):
            return f"it was not killed: {outcome.code}"
        wrong = self._describe_state(outcome) or (self._read() if at % READ_EVERY == self.seed % READ_EVERY else "")
        return wrong or (self._kill_again(at) if twice else "") or self._go_on()

    def _kill_again(self, first: int) -> str:
        """Kill also what goes on, at any of its calls; returns what is wrong then, or nothing."""
        chance, left = random.Random(f"{self.seed} {first}"), self.base / "left"
        shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(self.folder, left, symlinks=True)
        second = chance.randint(1, self.calls)
        outcome = self._run(self._again(), Fault(Action.KILL, second))
        if outcome.code == self.scenario.code and outcome.calls:
            # It makes fewer calls; how many is known now.
            shutil.rmtree(self.folder)
            shutil.copytree(left, self.folder, symlinks=True)
            second = chance.randint(1, outcome.calls)
            outcome = self._run(self._again(), Fault(Action.KILL, second))
        # What makes no call had nothing left to do.
        if not outcome.killed and (outcome.calls or outcome.code != self.scenario.code):
            return f"going on was not killed at {second}: {outcome.code}: {outcome.printed[-500:]}"
        wrong = self._describe_state(outcome)
        return wrong and f"{wrong}, killed again at {second}"

    def fail(self, name: str, at: int) -> str:
        """Let calls fail from one on, or one alone, and go on; returns what is wrong then, or nothing."""
        action, error, calls = ERRORS[name]
        self._begin()
        outcome = self._run(self.call, Fault(action, at, error, calls))
        # What did not need the call that failed ends as it would have without; what could not be removed may be left,
        # where its name says that it is nothing.
        kept = self._kept()
        unharmed = outcome.code == self.scenario.code and kept == without_passing(self.expected)
        if not unharmed or self.scenario.check(self.folder):
            lasting = action == Action.FAIL_ON
            wrong = describe_untold(outcome, error, self.folder, lasting) or (
                "" if outcome.code else self._lacking(kept)
            )
            if wrong:
                return wrong
        gave_up = bool(self.scenario.gives_up) and self.scenario.gives_up in outcome.printed
        return self._describe_state(outcome) or self._go_on(gave_up)

    def _lacking(self, kept: Mapping[str, str]) -> str:
        """Say which results a command that ended with 0 has not written, which no warning makes good."""
        whole, found = (
            {name: digest for name, digest in files.items() if not name.endswith((*self.scenario.optional,))}
            for files in (self.expected, kept)
        )
        difference = describe_difference(whole, found)
        return difference and f"it ended with 0, and yet: {difference}"

    def _kept(self) -> dict[str, str]:
        """What is there under a name that is not a passing one."""
        return without_passing(self._snapshot())

    def _begin(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.scenario.begin(self.inputs, self.folder)

    def _snapshot(self) -> dict[str, str]:
        return self.scenario.snapshot(self.folder / self.scenario.root)

    def _run(self, call: Call, fault: Fault | None = None) -> Outcome:
        with patch.dict(os.environ, self.scenario.environment(self.folder)):
            return faults.run(*call, self.folder, self.folder / self.scenario.root, fault)

    def _again(self) -> Call:
        return self.scenario.again(self.folder, self.call)

    def _logs(self) -> dict[Path, bytes]:
        """What the logs hold, which are only added to; W&B's own are renamed with their folder."""
        found = {file.relative_to(self.folder): file for file in self.folder.rglob("*.log")}
        own = [path for path in found if FOREIGN not in path.parts and not self.scenario.ignores(path.as_posix())]
        return {found[path]: found[path].read_bytes() for path in own}

    def _describe_state(self, outcome: Outcome) -> str:
        """Say what is wrong with what a disturbed command left."""
        left = f"{outcome.left} processes were left" if outcome.left else ""
        torn, lost = "; ".join(filter(None, [find_torn(self.folder), self._halves()])), self._lost()
        mixed = find_mixed(self.scenario.artifacts, self.before, self.expected, self._kept())
        parts = [left, torn and f"half-written: {torn}", lost and f"lost: {lost}", mixed and f"mixed: {mixed}"]
        return "; ".join(filter(None, parts))

    def _halves(self) -> str:
        """The files that are neither what they were before nor what they will be."""
        if not self.scenario.exact:
            return ""
        whole = self.before.items() | self.expected.items()
        found = {name: digest for name, digest in self._snapshot().items() if (name, digest) not in whole}
        return ", ".join(name for name in found if not passes(name))

    def _lost(self) -> str:
        """What was there before and stays there must be there all the time, by its name or by that of the exchange."""
        root = self.folder / self.scenario.root
        found = {path.relative_to(root).as_posix() for path in root.rglob("*")}
        kept = [name.removesuffix(PASSING[1]) for name in found if name.endswith(PASSING[1])]
        # Two files that belong together wait in a folder while others take their places.
        kept += [Path(name).name for name in found if f"{PASSING[0]}/{EARLIER}/" in name]
        lost = self.before.keys() & self.expected.keys() - found
        return ", ".join(sorted(name for name in lost if not name.startswith(("\0", *kept))))

    def _read(self) -> str:
        """Say which command that only reads does not work on what is there."""
        for call in self.scenario.readers(self.folder):
            outcome = self._run(call)
            if outcome.code:
                return f"{' '.join(call[1])} ended with {outcome.code}: {outcome.printed[-500:]}"
        return ""

    def _go_on(self, gave_up: bool = False) -> str:
        call, logs = self._again(), self._logs()
        again = self._run(call)
        if again.code != self.scenario.code:
            return f"going on ended with {again.code}: {again.printed[-500:]}"
        changed = [file.name for file, content in logs.items() if not file.read_bytes().startswith(content)]
        parts = [
            "another beginning: " + ", ".join(changed) if changed else "",
            describe_difference(self.expected, self._snapshot()),
            "" if gave_up else self.scenario.check(self.folder),
            self.scenario.leftover(self.folder),
        ]
        return "; ".join(filter(None, parts))


def describe_untold(outcome: Outcome, error: int, folder: Path, lasting: bool = False) -> str:
    """Say what a command whose call failed did not tell as it should; empty where it told the file and the reason.

    Where the cause is ``lasting``, more calls fail than the first, of other threads too, and any of their files tells.
    """
    if "Traceback" in outcome.printed:
        return f"a traceback: {outcome.printed[-700:]}"
    if not outcome.place:
        return f"nothing failed, and it ended with {outcome.code}: {outcome.printed[-500:]}"
    names = _names_of(Path(outcome.place), folder)
    if lasting:
        names += [re.escape(f"{folder}/"), r"'[\w.-][^']*'"]
    for line in outcome.printed.splitlines():
        reason = any(text in line for text in (os.strerror(error), *OF_SQLITE))
        if reason and any(re.search(name, line) for name in names):
            return ""
    return f"{outcome.place} failed, which is not told; it ended with {outcome.code}: {outcome.printed[-700:]}"


def _names_of(place: Path, folder: Path) -> list[str]:
    """Return patterns of what tells a place: its name as a whole, or its folder's: absolute, quoted, or the subject.

    What is not finished is told by the name that it is to have.
    """
    places = {place}
    if place != folder and place.is_relative_to(folder):
        *above, last = place.relative_to(folder).parts
        # Of SQLite's journal of a change, the database is told.
        last = last.partition(PASSING[0])[0].removesuffix("-journal")
        places |= {
            folder.joinpath(*(part for part in above if not part.endswith(PASSING)), last),
            folder.joinpath(*(part.removesuffix(PASSING[0]) for part in above), last),
        }
    parents = {one.parent for one in places}
    names = {str(one) for one in places | parents} | {_relative(one, folder) for one in places - {folder}}
    folders = [re.escape(_relative(one, folder)) for one in parents | {folder}]
    patterns = [rf"(sqlite:///|(?<![\w/.-])){re.escape(name)}(?![\w/])" for name in names]
    patterns += [rf"(['\"]){name}\1|^{name}: " for name in folders]
    if place.is_dir() or not place.exists():
        # A folder may be told by the file in it that was to be written.
        of_folder = rf"({re.escape(str(place))}|{re.escape(_relative(place, folder))})/[^\s/'\"]+"
        in_work = r"[^\s/'\"]+\.\w+" if place == folder else of_folder
        patterns += [rf"(?<![\w/.-]){name}(?![\w/])" for name in (of_folder, in_work)]
    return patterns


def _relative(place: Path, folder: Path) -> str:
    return str(place.relative_to(folder)) if place.is_relative_to(folder) else str(place)


def without_passing(files: Mapping[str, str]) -> dict[str, str]:
    """Return a snapshot of what is finished, by its name."""
    return {name: digest for name, digest in files.items() if not passes(name)}


def passes(name: str) -> bool:
    """Tell whether a name says that what has it is not finished, replaced, or a lock."""
    return any(part.endswith(PASSING) for part in name.split("/"))


def describe_difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Say how two snapshots differ; empty where they do not."""
    parts = {
        "missing": sorted(expected.keys() - found.keys()),
        "left over": sorted(found.keys() - expected.keys()),
        "other": sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name]),
    }
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in parts.items() if names)
