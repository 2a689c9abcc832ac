"""Sweeps of many runs, and many launchers at once, watched and counted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.endurance.load_watch import SECONDS_WITHOUT_PROGRESS, InOrder, Watched, watch
from tests.endurance.scenarios import SCENARIOS
from tests.endurance.trials import describe_difference
from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_picture
from tests.helpers.processes import Command
from tests.helpers.runs import TINY, read_metrics
from tests.helpers.slurm import Cluster
from tests.helpers.sweeps import SweepMaker, make_pictures
from zero_dce.records.run import RESULT
from zero_dce.records.sweep import read_sweep
from zero_dce.review.report import REPORT

STEPS = 2
# A launcher that comes too late says one of these.
REFUSED = ("another process is writing to", "already holds a sweep")
# What two sweeps of the same runs have in common, in whichever folder they are.
SAME = replace(SCENARIOS["sweep"], ignored={".submitit": "a job's own", "report.html": "it has the path of the folder"})
LOCAL = ("hydra/launcher=local", "hydra.launcher.slots=2")
HERE = ("hydra/launcher=sequential",)
ON_SLURM = (
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1",
    "hydra.launcher.setup=['export MASTER_ADDR=127.0.0.1']",
)


def make_photographs(folder: Path) -> Path:
    """Write the pictures that all runs train on."""
    folder.mkdir()
    for seed in range(12):
        make_picture(seed, 0.2, 64, 48).save(folder / f"{seed:02d}.png")
    return folder


def command_line(pictures: Path, sweep: Path, runs: int, *launcher: str) -> list[str]:
    """Return the arguments of a sweep over seeds."""
    kept = [text for text in TINY if not text.startswith(("trainer.max_steps", "every_n_steps"))]
    data = ["data=folder", f"data.root={pictures}", f"trainer.max_steps={STEPS}", f"every_n_steps={STEPS}"]
    return [*kept, *data, "logger=csv", f"seed=range({runs})", f"hydra.sweep.dir={sweep}", *launcher, "-m"]


def watch_sweep(
    folder: Path, runs: int, launcher: Sequence[str], cluster: Cluster | None = None, until: float | None = None
) -> Watched:
    """Carry out a sweep in ``folder / "sweep"`` and watch its launcher."""
    pictures, sweep = make_photographs(folder / "pictures"), folder / "sweep"
    environment = {"ZERO_DCE_CACHE": str(folder / "cache"), **_cluster_variables(cluster)}
    command = Command("zero_dce.train", command_line(pictures, sweep, runs, *launcher), folder, environment)
    try:
        return watch(command, InOrder([sweep / str(number) / RESULT for number in range(runs)]), until)
    finally:
        command.kill()
        (folder / "printed.txt").write_text(command.output() + command.errors())


def _cluster_variables(cluster: Cluster | None) -> dict[str, str]:
    # Jobs import this very package.
    return {**cluster.environment, "PYTHONPATH": str(ROOT)} if cluster else {}


def sweep_faults(sweep: Path, runs: int) -> Generator[str, None, int]:
    """Yield what is wrong with a sweep that has ended, and return how many runs are right.

    Each run is trained exactly once, and nothing is left over.
    """
    rows = read_sweep(sweep)
    if len(rows) != runs:
        yield f"{len(rows)} runs instead of {runs}"
    wrong = [fault for row in rows if (fault := _run_fault(sweep, row))]
    yield from wrong
    left = [str(file.relative_to(sweep)) for file in sweep.rglob("*.unfinished*")]
    if left:
        yield f"left over: {', '.join(left)}"
    return min(runs, len(rows)) - len(wrong)


def _run_fault(sweep: Path, row: Mapping[str, Any]) -> str:
    if row["state"] != "finished":
        return f"run {row['run']} {row['state']}: {row['error']}"
    steps = [int(line["step"]) for line in read_metrics(sweep / row["folder"])]
    return "" if steps == list(range(1, STEPS + 1)) else f"run {row['run']} has the steps {steps}"


def start_at_once(
    folder: Path, lines: Sequence[Sequence[str]], environment: Mapping[str, str]
) -> list[tuple[int, str, str]]:
    """Start commands together; return exit code, output and errors of each, of one that hangs minus that of SIGKILL."""
    until = time.monotonic() + SECONDS_WITHOUT_PROGRESS
    commands = [Command("zero_dce.train", line, folder, environment) for line in lines]
    try:
        while any(command.poll() is None for command in commands) and time.monotonic() < until:
            time.sleep(0.1)
        for command in commands:
            command.kill()
        return [(command.poll() or 0, command.output(), command.errors()) for command in commands]
    finally:
        for command in commands:
            command.kill()


def one_folder_faults(folder: Path, launchers: int, runs: int) -> Generator[str, None, int]:
    """Yield what goes wrong where several launchers begin one sweep at once, and return how many of them are right.

    One runs it, the others say a line.
    """
    pictures = make_photographs(folder / "pictures")
    environment = {"ZERO_DCE_CACHE": str(folder / "cache")}
    start_at_once(folder, [command_line(pictures, folder / "alone", runs, *LOCAL)], environment)
    line = command_line(pictures, folder / "shared", runs, *LOCAL)
    ended = start_at_once(folder, [line] * launchers, environment)
    winners = sum(code == 0 for code, _, _ in ended)
    if winners != 1:
        yield f"{winners} launchers ended with 0 instead of one"
    wrong = [(code, output + errors) for code, output, errors in ended if code and not _is_refused(output, errors)]
    yield from (f"a launcher ended with {code} and said {said.strip()[-300:]!r}" for code, said in wrong)
    right = yield from sweep_faults(folder / "shared", runs)
    differing = list(differences(folder / "alone", folder / "shared"))
    yield from differing
    carried_out = winners == 1 and right == runs and not differing
    return launchers - winners - len(wrong) + carried_out


def _is_refused(output: str, errors: str) -> bool:
    return not output.strip() and len(errors.splitlines()) == 1 and any(word in errors for word in REFUSED)


def one_cache_faults(folder: Path, launchers: int, runs: int) -> Generator[str, None, int]:
    """Yield what goes wrong where launchers of different sweeps share a cache that does not exist yet.

    Returns how many of the launchers have a sweep that is right.
    """
    pictures = make_photographs(folder / "pictures")
    sweeps = [folder / f"sweep-{number}" for number in range(launchers)]
    lines = [command_line(pictures, sweep, runs, *HERE) for sweep in sweeps]
    ended, right = start_at_once(folder, lines, {"ZERO_DCE_CACHE": str(folder / "cache")}), 0
    for (code, _, errors), sweep in zip(ended, sweeps, strict=True):
        if code:
            yield f"a launcher ended with {code}: {errors.strip()[-300:]}"
            continue
        faults = [*sweep_faults(sweep, runs), *differences(sweeps[0], sweep)]
        yield from faults
        right += not faults
    yield from cache_leftovers(folder / "cache")
    return right


def cache_leftovers(cache: Path) -> Iterator[str]:
    """Yield what a cache folder holds beside one whole cache and its lock."""
    names = sorted(file.name for file in cache.iterdir())
    whole = [name for name in names if not name.endswith(".lock")]
    if len(whole) != 1 or not (cache / whole[0] / "table.json").is_file():
        yield f"the cache folder holds {', '.join(names)}"


def differences(first: Path, second: Path) -> Iterator[str]:
    """Yield how the second of two sweeps of the same runs differs from the first."""
    difference = describe_difference(SAME.snapshot(first), SAME.snapshot(second))
    if difference:
        yield f"{second.name} differs from {first.name}: {difference}"


def make_finished(folder: Path, runs: int) -> Path:
    """Write the folder of a sweep whose runs have ended, without training them."""
    maker = SweepMaker(folder, [{"exp": 1 + number} for number in range(runs)], make_pictures(1))
    for number in range(runs):
        maker.run(number, [0, STEPS], rows=STEPS)
    return folder


def size_mb(path: Path) -> float:
    """Return the size of a file, or of all files below a folder, in MB."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def describe_sizes(sweep: Path) -> str:
    """Return the sizes of a sweep's folder and of its page."""
    return f"{REPORT} {size_mb(sweep / REPORT):.1f} MB, the folder {size_mb(sweep):.0f} MB"


def find_chromium() -> str | None:
    """Return the path of Chromium, if it is installed."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def seconds_to_show(page_file: Path, program: str) -> tuple[float, int]:
    """Open a page in Chromium; return the seconds until rows and first pictures are on the screen, and the rows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.monotonic()
        page.goto(page_file.as_uri(), timeout=600_000)
        page.wait_for_selector("html[data-ready]", timeout=600_000)
        page.wait_for_function("document.querySelector('.cell img[src]')?.naturalWidth > 0", timeout=600_000)
        seconds = time.monotonic() - began
        rows = page.locator(".run").count()
        browser.close()
    return seconds, rows
