"""Many runs, many launchers, many builders of a cache, many pictures: ``python -m tests.endurance.load``.

Each part counts what must hold (each run trained once, each picture enhanced or named, memory and open files that do
not grow) and writes its row of the table ``load.md``; the exit code is 1 if anything failed. Times are those of the
machine as it was then.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.endurance.load_cache import builder_faults
from tests.endurance.load_pictures import PictureFolder, again_faults, enhance, enhanced_faults
from tests.endurance.load_sweeps import (
    HERE,
    LOCAL,
    ON_SLURM,
    describe_sizes,
    find_chromium,
    make_finished,
    one_cache_faults,
    one_folder_faults,
    seconds_to_show,
    size_mb,
    sweep_faults,
    watch_sweep,
)
from tests.endurance.load_watch import PICTURES, RUNS
from tests.helpers.slurm import running_cluster, why_not
from zero_dce.review.report import REPORT, write_report

TABLE = Path(__file__).with_name("load.md")
LIBRARIES = ("torch", "lightning", "hydra-core", "submitit", "playwright", "pillow", "openvino", "onnxruntime")
LAUNCHERS, BUILDERS = 20, 10
# The first is the one that is chosen where it is installed.
BACKENDS = ("auto", "torch", "onnxruntime")


@dataclass
class Outcome:
    """What a part has tried, how much of it passed, what was measured, and what is wrong."""

    tried: int
    passed: int = 0
    figures: str = ""
    faults: list[str] = field(default_factory=list)

    def count(self, faults: Generator[str, None, int], name: str = "") -> None:
        """Keep what a check finds wrong, and add what it returns in the end, how many are right."""

        def check() -> Generator[str, None, None]:
            self.passed += yield from faults

        self.faults += [f"{name}: {fault}" if name else fault for fault in check()]


@dataclass(frozen=True)
class Scale:
    """How much is done: runs of a sweep, pictures, and when to stop, by ``time.monotonic``."""

    runs: int
    pictures: int
    until: float | None


def counts(most: int) -> list[int]:
    """Return where memory is compared: at a tenth, three tenths, and the end."""
    return [max(1, most // 10), max(1, 3 * most // 10), most]


def _sweep(folder: Path, scale: Scale, launcher: Iterable[str], on_slurm: bool = False) -> Outcome:
    outcome = Outcome(scale.runs)
    if on_slurm:
        reason = why_not()
        if reason:
            return Outcome(0, figures=f"not run: {reason}")
        with running_cluster() as cluster:
            watched = watch_sweep(folder, scale.runs, tuple(launcher), cluster, scale.until)
    else:
        watched = watch_sweep(folder, scale.runs, tuple(launcher), until=scale.until)
    sweep = folder / "sweep"
    if watched.code:
        outcome.faults.append(f"the launcher ended with {watched.code}: see {folder / 'printed.txt'}")
    outcome.count(sweep_faults(sweep, scale.runs))
    outcome.faults += watched.growth(scale.runs, RUNS)
    outcome.figures = watched.figures(counts(scale.runs))
    chromium = find_chromium()
    if chromium and (sweep / REPORT).is_file():
        seconds, rows = seconds_to_show(sweep / REPORT, chromium)
        outcome.figures += f"; {describe_sizes(sweep)}; {rows} rows and the first pictures after {seconds:.1f} s"
    return outcome


def sweep_local(folder: Path, scale: Scale) -> Outcome:
    """Two runs at a time in fresh processes."""
    return _sweep(folder, scale, LOCAL)


def sweep_here(folder: Path, scale: Scale) -> Outcome:
    """One run after the other in the launcher's own process, as by default."""
    return _sweep(folder, scale, HERE)


def sweep_slurm(folder: Path, scale: Scale) -> Outcome:
    """Jobs of a private SLURM of two nodes."""
    return _sweep(folder, scale, ON_SLURM, on_slurm=True)


def page(folder: Path, scale: Scale) -> Outcome:
    """The page of sweeps whose runs were not trained: its bytes a run stay the same."""
    chromium = find_chromium()
    if chromium is None:
        return Outcome(0, figures="not run: needs Chromium")
    outcome, told, kilobytes = Outcome(3), [], []
    for runs in counts(scale.runs):
        sweep = make_finished(folder / str(runs), runs)
        began = time.monotonic()
        file = write_report(sweep)
        written = time.monotonic() - began
        seconds, rows = seconds_to_show(file, chromium)
        kilobytes.append(1000 * size_mb(file) / runs)
        told.append(f"{runs} runs: {size_mb(file):.1f} MB, written in {written:.1f} s, shown after {seconds:.1f} s")
        # The scripts and plots that every page has weigh less the more runs there are.
        if rows == runs and kilobytes[-1] <= 1.05 * kilobytes[0]:
            outcome.passed += 1
        else:
            outcome.faults.append(f"the page shows {rows} of {runs} runs, with {kilobytes} kB a run")
    outcome.figures = "; ".join(told)
    return outcome


def _counted(tried: int, figures: str, faults: Generator[str, None, int]) -> Outcome:
    outcome = Outcome(tried, figures=figures)
    outcome.count(faults)
    return outcome


def one_folder(folder: Path, _: Scale) -> Outcome:
    """Launchers of one sweep at once: one runs it, each run is trained once, the others say one line."""
    return _counted(LAUNCHERS, f"{LAUNCHERS} launchers, 4 runs", one_folder_faults(folder, LAUNCHERS, runs=4))


def one_cache(folder: Path, _: Scale) -> Outcome:
    """Launchers of different sweeps at once, with one cache that does not exist yet."""
    return _counted(LAUNCHERS, f"{LAUNCHERS} launchers, 2 runs each", one_cache_faults(folder, LAUNCHERS, runs=2))


def builders(folder: Path, _: Scale) -> Outcome:
    """Processes that build one cache at once."""
    return _counted(BUILDERS, f"{BUILDERS} processes", builder_faults(folder, BUILDERS, killed=False))


def killed_builder(folder: Path, _: Scale) -> Outcome:
    """The same, where the one that builds is killed in the middle."""
    return _counted(BUILDERS, f"{BUILDERS} processes wait", builder_faults(folder, BUILDERS, killed=True))


def pictures(folder: Path, scale: Scale) -> Outcome:
    """A folder of pictures, one file in a hundred of which is bad, with each backend, and again."""
    made, outcome, told = PictureFolder(folder / "pictures", scale.pictures), Outcome(0), []
    for backend in BACKENDS:
        output = folder / backend
        watched, errors = enhance(made, output, "--backend", backend)
        outcome.tried += len(made.good) + len(made.bad)
        outcome.count(enhanced_faults(made, output, watched.code, errors), backend)
        outcome.faults += [f"{backend}: {fault}" for fault in watched.growth(len(made.good), PICTURES)]
        told.append(f"{backend}: {watched.figures(counts(len(made.good)))}")
    outcome.faults += again_faults(made, folder / BACKENDS[0])
    outcome.figures = f"{len(made.good)} good, {len(made.bad)} bad; {'; '.join(told)}"
    return outcome


PARTS: dict[str, Callable[[Path, Scale], Outcome]] = {
    "sweep-local": sweep_local,
    "sweep-here": sweep_here,
    "sweep-slurm": sweep_slurm,
    "page": page,
    "one-folder": one_folder,
    "one-cache": one_cache,
    "builders": builders,
    "killed-builder": killed_builder,
    "pictures": pictures,
}


def run_part(name: str, scale: Scale) -> Outcome:
    """Carry out a part in a folder of its own, which stays where something failed."""
    folder = Path(tempfile.mkdtemp(prefix=f"load-{name}-"))
    try:
        outcome = PARTS[name](folder, scale)
    except Exception as error:
        outcome = Outcome(1, faults=[f"{type(error).__name__}: {error}"])
    if outcome.faults:
        print(f"{name}: see {folder}", *outcome.faults, sep="\n  ", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return outcome


def read_rows() -> dict[str, str]:
    """Return the rows that the table has, by their parts."""
    if not TABLE.is_file():
        return {}
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")][1:]
    return {line.split(" | ")[0].lstrip("| "): line for line in lines if not line.startswith("| ---")}


def write_table(outcomes: dict[str, Outcome], command: str) -> None:
    """Replace the rows of the parts that were run; others stay."""
    rows, today = read_rows(), time.strftime("%Y-%m-%d")
    for name, outcome in outcomes.items():
        what = (PARTS[name].__doc__ or "").rstrip(".")
        wrong = f"; WRONG: {'; '.join(outcome.faults[:3])}".replace("\n", " ") if outcome.faults else ""
        measured = f"{outcome.figures}{wrong}".replace("|", "/")
        rows[name] = f"| {name} | {what} | {outcome.tried} | {outcome.passed} | {measured} | {today} |"
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    text = f"""# Load

`make load-test` writes this table: runs, launchers and pictures that were tried, how many passed, and what was
measured. Memory is the resident memory of the launcher, or of the command; times are those of a machine that others
may have used at the same time. The last command was `{command}`.

| part | what | tried | passed | measured | date |
| --- | --- | ---: | ---: | --- | --- |
"""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {versions}."
    TABLE.write_text(text + "\n".join(rows[name] for name in PARTS if name in rows) + f"\n\n{machine}\n")


def main() -> None:
    """Run the parts and write their rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="of each sweep; default: 1000")
    parser.add_argument("--pictures", type=int, default=5000, metavar="N", help="default: 5000")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME", help=", ".join(PARTS))
    parser.add_argument("--minutes", type=float, metavar="N", help="a sweep that takes longer is ended, and failed")
    options = parser.parse_args()
    outcomes = {}
    for name in options.only:
        until = None if options.minutes is None else time.monotonic() + 60 * options.minutes
        outcomes[name] = run_part(name, Scale(options.runs, options.pictures, until))
        print(f"{name}: {outcomes[name].passed} of {outcomes[name].tried} passed. {outcomes[name].figures}", flush=True)
        write_table({name: outcomes[name]}, " ".join(["python -m tests.endurance.load", *sys.argv[1:]]))
    sys.exit(any(outcome.faults for outcome in outcomes.values()))


if __name__ == "__main__":
    main()
