"""Commands that are disturbed: what each starts with, how a user goes on afterwards, and what must come out."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.endurance.equal import OF_RUNS, Normalise, rows_in_wandb
from tests.helpers.pictures import make_sice
from tests.helpers.runs import tiny

# A module and its arguments.
Call = tuple[str, list[str]]
# Results are in other files.
WITH_A_WARNING = {
    ".log": "it tells what happened",
    "report.html": "a page that can be written again",
    ".lock": "an empty file that nobody needs once the command has ended",
}


@dataclass(frozen=True)
class Scenario:
    """One command, run in a working folder.

    Attributes:
        prepare: makes what the command reads, once for all trials, in a folder that stays; returns the call for a
            working folder.
        again: what a user runs after the command has been disturbed, given the working folder and the first call.
        ignored: names or endings of files that may differ, and why.
        normalised: by name or ending, what of a file must be equal.
        begin: puts what was there before into a new working folder, given that of the inputs.
        root: the folder below which calls count, relative to the working folder.
        environment: variables that the command is given, for a working folder.
        code: the exit code of the undisturbed command; an input that cannot be used gives 1.
        readers: commands that work on what a killed command left, for a working folder.
        check: says what else is wrong in the end, for a working folder; empty if nothing is.
        leftover: says what of no use is left in the end, for a working folder; empty if nothing is.
        gives_up: what a library prints that goes on without a part; ``check`` need not hold then.
        several: several processes write, so that one may be killed alone.
        artifacts: files that belong together, of which never some are new beside others of before; see
            :func:`tests.endurance.whole.find_mixed`.
        optional: names or endings of files without which a command may end with 0, and why.
        renamed: folders that count under another name, for a working folder: what is in them tells which they are.
        exact: under its final name, each file is at any moment either what it was before or what it will be in the end.
    """

    name: str
    prepare: Callable[[Path], Call]
    again: Callable[[Path, Call], Call]
    ignored: Mapping[str, str]
    normalised: Mapping[str, Normalise]
    begin: Callable[[Path, Path], None] = lambda inputs, folder: None
    root: str = ""
    environment: Callable[[Path], Mapping[str, str]] = lambda folder: {}
    code: int = 0
    readers: Callable[[Path], Sequence[Call]] = lambda folder: ()
    check: Callable[[Path], str] = lambda folder: ""
    leftover: Callable[[Path], str] = lambda folder: ""
    gives_up: str = ""
    several: bool = False
    artifacts: Sequence[tuple[str, ...]] = ()
    optional: Mapping[str, str] = field(default_factory=lambda: WITH_A_WARNING)
    renamed: Callable[[Path], Mapping[str, str]] = lambda folder: {}
    exact: bool = False

    def snapshot(self, folder: Path) -> dict[str, str]:
        """Return what must be equal: by path, a digest of each file's content; of folders, that they are there."""
        found, renamed = {}, self.renamed(folder)
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            for folder_name, other in renamed.items():
                if f"{name}/".startswith(f"{folder_name}/"):
                    name = other + name.removeprefix(folder_name)
            if self.ignores(name):
                continue
            found[name] = "folder" if path.is_dir() else self._digest(path)
        return found

    def ignores(self, name: str) -> bool:
        """Tell whether the file or folder of that name may differ."""
        return any(name.endswith(ending) or f"/{ending}/" in f"/{name}" for ending in self.ignored)

    def _digest(self, file: Path) -> str:
        content = file.read_bytes()
        for ending, normalise in self.normalised.items():
            if file.as_posix().endswith(ending):
                content = normalise(content)
        return hashlib.sha256(content).hexdigest()


def _sweep(*more: str) -> Callable[[Path], Call]:
    def prepare(inputs: Path) -> Call:
        sice = make_sice(inputs / "sice", scenes=3, frames=4)
        weights = ["loss.weights.exp=3,10", "loss.weights.tv=200"]
        options = ["--multirun", "+sweep=loss_weights", *weights, "hydra.sweep.dir=sweep", *more]
        return "zero_dce.train", tiny(sice, *options)

    return prepare


def _resume_sweep(folder: Path, call: Call) -> Call:
    """Resume the sweep, with what has failed; one that was not planned yet is started again."""
    sweep = folder / "sweep"
    if not (sweep / "sweep.json").is_file():
        return call
    failed = any('"failed"' in file.read_text() for file in sweep.glob("*/result.json"))
    return "zero_dce.train", ["resume=sweep", *(["hydra.launcher.retry_failed=true"] if failed else [])]


def _read_sweep(folder: Path) -> list[Call]:
    if not (folder / "sweep" / "sweep.json").is_file():
        return []
    return [("zero_dce.review", ["report", "sweep"])]


def _single(inputs: Path) -> Call:
    sice = make_sice(inputs / "sice", scenes=3, frames=4)
    return "zero_dce.train", tiny(sice, "logger=csv", "hydra.run.dir=run", "report_page=true")


def _resume_run(folder: Path, call: Call) -> Call:
    """Resume the run; one that has no checkpoint is thrown away and started again, by the same command."""
    run = folder / "run"
    if (run / "checkpoints" / "last.ckpt").is_file():
        finished = (run / "result.json").is_file() and '"state": "finished"' in (run / "result.json").read_text()
        return ("zero_dce.review", ["report", "run"]) if finished else ("zero_dce.train", ["resume=run"])
    shutil.rmtree(run, ignore_errors=True)
    return call


IN_PROCESSES = ["logger=csv", "hydra/launcher=local", "hydra.launcher.slots=2"]
OF_WANDB = {
    "wandb": "W&B's own folder: a part that was killed has one of its own",
    "wandb_id.txt": "the id of a W&B run is a random one",
}

SCENARIOS = {
    scenario.name: scenario
    for scenario in [
        Scenario("sweep", _sweep("logger=csv"), _resume_sweep, {}, OF_RUNS, readers=_read_sweep),
        Scenario(
            "sweep_wandb", _sweep("logger=wandb"), _resume_sweep, OF_WANDB, OF_RUNS, check=rows_in_wandb, several=True
        ),
        Scenario("sweep_processes", _sweep(*IN_PROCESSES), _resume_sweep, {}, OF_RUNS, several=True),
        Scenario("run", _single, _resume_run, {}, OF_RUNS, several=True),
    ]
}
