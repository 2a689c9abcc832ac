"""Sweeps of many runs, and many launchers at once, watched and counted."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.endurance.load_watch import InOrder, Watched, watch
from tests.helpers.paths import ROOT
from tests.helpers.pictures import make_picture
from tests.helpers.processes import Command
from tests.helpers.runs import TINY, read_metrics
from tests.helpers.slurm import Cluster
from tests.helpers.sweeps import SweepMaker, make_pictures
from zero_dce.records.run import METRICS, RESULT
from zero_dce.records.sweep import SWEEP_TABLE, read_sweep
from zero_dce.review.report import REPORT

STEPS = 2
# A launcher that comes too late says one of these.
REFUSED = ("another process is writing to", "already holds a sweep")
# What differs each time: clocks, logs, the page with its date, and what holds a path or a random id.
FREE = re.compile(r"\.log$|/output|report\.html|\.submitit")
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


def sweep_faults(sweep: Path, runs: int) -> Iterator[str]:
    """Yield what is wrong with a sweep that has ended: each run is trained exactly once, and nothing is left over."""
    rows = read_sweep(sweep)
    if len(rows) != runs:
        yield f"{len(rows)} runs instead of {runs}"
    for row in rows:
        if row["state"] != "finished":
            yield f"run {row['run']} {row['state']}: {row['error']}"
            continue
        steps = [int(line["step"]) for line in read_metrics(sweep / row["folder"])]
        if steps != list(range(1, STEPS + 1)):
            yield f"run {row['run']} has the steps {steps}"
    left = [str(file.relative_to(sweep)) for file in sweep.rglob("*.unfinished*")]
    if left:
        yield f"left over: {', '.join(left)}"


def start_at_once(
    folder: Path, lines: Sequence[Sequence[str]], environment: Mapping[str, str]
) -> list[tuple[int, str, str]]:
    """Start commands together; return exit code, output and errors of each."""
    commands = [Command("zero_dce.train", line, folder, environment) for line in lines]
    try:
        while any(command.poll() is None for command in commands):
            time.sleep(0.1)
        return [(command.poll() or 0, command.output(), command.errors()) for command in commands]
    finally:
        for command in commands:
            command.kill()


def one_folder_faults(folder: Path, launchers: int, runs: int) -> Iterator[str]:
    """Yield what goes wrong where several launchers begin one sweep at once: one runs it, the others say a line."""
    pictures = make_photographs(folder / "pictures")
    environment = {"ZERO_DCE_CACHE": str(folder / "cache")}
    start_at_once(folder, [command_line(pictures, folder / "alone", runs, *LOCAL)], environment)
    line = command_line(pictures, folder / "shared", runs, *LOCAL)
    ended = start_at_once(folder, [line] * launchers, environment)
    winners = [code for code, _, _ in ended if code == 0]
    if len(winners) != 1:
        yield f"{len(winners)} launchers ended with 0 instead of one"
    for code, output, errors in ended:
        if code and (output.strip() or len(errors.splitlines()) != 1 or not any(word in errors for word in REFUSED)):
            yield f"a launcher ended with {code} and said {(output + errors).strip()[-300:]!r}"
    yield from sweep_faults(folder / "shared", runs)
    yield from differences(folder / "alone", folder / "shared")


def one_cache_faults(folder: Path, launchers: int, runs: int) -> Iterator[str]:
    """Yield what goes wrong where launchers of different sweeps share a cache that does not exist yet."""
    pictures = make_photographs(folder / "pictures")
    sweeps = [folder / f"sweep-{number}" for number in range(launchers)]
    lines = [command_line(pictures, sweep, runs, *HERE) for sweep in sweeps]
    for code, _, errors in start_at_once(folder, lines, {"ZERO_DCE_CACHE": str(folder / "cache")}):
        if code:
            yield f"a launcher ended with {code}: {errors.strip()[-300:]}"
    for sweep in sweeps:
        yield from sweep_faults(sweep, runs)
        yield from differences(sweeps[0], sweep)
    yield from cache_leftovers(folder / "cache")


def cache_leftovers(cache: Path) -> Iterator[str]:
    """Yield what a cache folder holds beside one whole cache and its lock."""
    names = sorted(file.name for file in cache.iterdir())
    whole = [name for name in names if not name.endswith(".lock")]
    if len(whole) != 1 or not (cache / whole[0] / "table.json").is_file():
        yield f"the cache folder holds {', '.join(names)}"


def differences(first: Path, second: Path) -> Iterator[str]:
    """Yield how two sweeps of the same runs differ, in their files and in their numbers."""
    for name in sorted(_names(first) ^ _names(second)):
        yield f"{name} is only in {(first if name in _names(first) else second).name}"
    for name in sorted(name for name in _names(first) & _names(second) if name.endswith((METRICS, SWEEP_TABLE))):
        if (first / name).read_bytes() != (second / name).read_bytes():
            yield f"{name} differs between {first.name} and {second.name}"


def _names(folder: Path) -> set[str]:
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    return {name for name in names if not FREE.search(f"/{name}")}


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


def seconds_to_show(page_file: Path) -> tuple[float, int]:
    """Open a page in Chromium; return the seconds until rows and first pictures are on the screen, and the rows."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
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
