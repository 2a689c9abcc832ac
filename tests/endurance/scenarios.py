"""Commands that are disturbed: what each starts with, how a user goes on afterwards, and what must come out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.pictures import make_sice
from tests.helpers.runs import tiny

# A module and its arguments.
Call = tuple[str, list[str]]
# Says the same of a file however often the command was begun: a time, a duration or a process's number differs.
Normalise = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Scenario:
    """One command, run in a working folder.

    Attributes:
        prepare: makes what the command reads, once for all trials, in a folder that stays; returns the call for a
            working folder.
        again: what a user runs after the command has been disturbed, given the working folder and the first call.
        ignored: names or endings of files that may differ, and why.
        normalised: by name, what of a file must be equal.
    """

    name: str
    prepare: Callable[[Path], Call]
    again: Callable[[Path, Call], Call]
    ignored: Mapping[str, str]
    normalised: Mapping[str, Normalise]

    def snapshot(self, folder: Path) -> dict[str, str]:
        """Return what must be equal: by path, a digest of each file's content; of folders, that they are there."""
        found = {}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if any(name.endswith(ending) for ending in self.ignored):
                continue
            found[name] = "folder" if path.is_dir() else self._digest(path)
        return found

    def _digest(self, file: Path) -> str:
        content = file.read_bytes()
        if file.name in self.normalised:
            content = self.normalised[file.name](content)
        return hashlib.sha256(content).hexdigest()


def _sweep(inputs: Path) -> Call:
    sice = make_sice(inputs / "sice", scenes=3, frames=4)
    weights = ["loss.weights.exp=3,10", "loss.weights.tv=200"]
    options = ["--multirun", "+sweep=loss_weights", *weights, "logger=csv", "hydra.sweep.dir=sweep", "report_page=true"]
    return "zero_dce.train", tiny(sice, *options)


def _resume(folder: Path, call: Call) -> Call:
    """Resume the sweep; one that was not planned yet is started again."""
    return ("zero_dce.train", ["resume=sweep"]) if (folder / "sweep" / "sweep.json").is_file() else call


SCENARIOS = {
    scenario.name: scenario
    for scenario in [
        Scenario("sweep", _sweep, _resume, ignored={}, normalised={}),
    ]
}
