"""What does a sweep of 1,000 runs cost beside its training? Files, bytes, W&B points, metadata, composing, the report.

    python benchmarks/sweep_cost.py [--output FILE.md]

Two runs are carried out for real. The first has the shape of the default schedule: 300 logged rows, 11 sets of 8
pictures and 10 checkpoints, as 3,000 steps with ``every_n_steps=300`` leave, but in 300 steps on small images, so that
it takes a minute on a processor. The other has 4 sets of 2 pictures and 3 checkpoints. They run under ``strace``, which
counts what they ask of the file system. Then a sweep's folder of ``--runs`` runs is made of hard links, and what the
sweep's own process does with so many is timed: planning, composing, submitting (with a stand-in for ``sbatch``), the
table, and the page to choose from. How long training takes on a GPU cannot be seen here. ``--output FILE`` writes the
tables as Markdown and, beside it, the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from publishing import describe_machine, publish, run_program

from zero_dce.files import write_json
from zero_dce.records.environment import describe_environment
from zero_dce.records.run import read_rows, run_state, saved_steps
from zero_dce.records.sweep import CONTACT_SHEET, PLAN, read_sweep
from zero_dce.records.table import write_csv
from zero_dce.review.collect import collect
from zero_dce.review.report import write_report
from zero_dce.sweep.end import MOST_ON_SHEET, write_contact_sheet
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.sweep.launching.slurm import Resources, make_executor
from zero_dce.sweep.launching.slurm_task import RunTask
from zero_dce.sweep.plan import new_jobs, number_jobs
from zero_dce.train.configuration import VERSION_BASE, config_folder, register_resolvers

PACKAGES = ("torch", "lightning", "hydra-core", "wandb")
# The default's trainer.max_steps=3000 every_n_steps=300 log_every_n_steps=10, a tenth as long.
SHAPE = ("trainer.max_steps=300", "every_n_steps=30", "trainer.log_every_n_steps=1")
SMALL = (
    "data=sample", "data.size=16", "data.batch_size=2", "trainer.accelerator=cpu", "trainer.precision=32-true",
    # The runs of a sweep have one page between them.
    "report_page=false",
)  # fmt: skip
# And with callbacks.samples.count=2 every_n_steps=1000.
FEW = (*SHAPE, "every_n_steps=100", "callbacks.samples.count=2")
SETTINGS = {"default": SHAPE, "few pictures": FEW}
COMPOSED = 20
RUNS_IN_REPORT = 50
# The first that a path matches counts.
KINDS = (
    ("W&B: pictures", r"/wandb/.*/media/"),
    ("W&B: the rest", r"/wandb(/|$)"),
    ("checkpoints", r"/checkpoints/"),
    ("sample pictures", r"/samples/"),
    ("metrics.csv", r"/metrics\.csv"),
    (".hydra, results, log", r""),
)
CALLS = {
    "created": ("creat", "mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat"),
    "renamed": ("rename", "renameat", "renameat2"),
    "removed": ("unlink", "unlinkat", "rmdir"),
    "opened to read": (),
    "looked up": (
        "stat",
        "lstat",
        "newfstatat",
        "statx",
        "access",
        "faccessat",
        "faccessat2",
        "readlink",
        "readlinkat",
    ),
}


def kind_of(path: str) -> str:
    return next(name for name, pattern in KINDS if re.search(pattern, path))


def measure_run(folder: Path, shape: Sequence[str]) -> dict[str, Any]:
    """Carry out a run under strace and count what it leaves and what it asks for."""
    run, trace = folder / "0", folder.with_suffix(".trace")
    strace = ["strace", "-f", "-y", "-q", "--seccomp-bpf", "-e", "trace=%file", "-s", "4096", "-o", str(trace)]
    train(run, shape, strace)
    calls = count_calls(trace, folder)
    trace.unlink()
    (offline,) = folder.glob("wandb/offline-run-*")
    return {
        "left": count_files(folder),
        "calls": calls,
        "steps_with_pictures": saved_steps(run),
        "rows": len(read_rows(run)),
        "wandb": count_points(offline),
    }


def train(run: Path, shape: Sequence[str], under: Sequence[str] = ()) -> None:
    command = [*under, sys.executable, "-m", "zero_dce.train", *SMALL, *shape, f"hydra.run.dir={run}"]
    run_program(command, {"OMP_NUM_THREADS": "1"})


def count_files(folder: Path) -> dict[str, dict[str, int]]:
    """Files, folders and bytes by kind, without the folder wandb/ and its links to the latest run, which runs share."""
    counts: dict[str, Counter[str]] = {name: Counter() for name, _ in KINDS}
    shared = {folder / "wandb", *filter(Path.is_symlink, (folder / "wandb").iterdir())}
    for path in {*folder.rglob("*")} - shared:
        count = counts[kind_of(f"/{path.relative_to(folder)}" + "/" * (path.is_dir() and not path.is_symlink()))]
        count["folders" if path.is_dir() and not path.is_symlink() else "files"] += 1
        count["bytes"] += 0 if path.is_dir() else path.lstat().st_size
    return {name: dict(count) for name, count in counts.items()}


def count_calls(trace: Path, sweep: Path) -> dict[str, dict[str, int]]:
    """Calls that name a file, by place and by what they do."""
    places = {"sweep's folder": str(sweep), "cache": str(Path.home() / ".cache"), "Python and packages": sys.prefix}
    places |= {"Python and packages ": sys.base_prefix, "Python and packages  ": str(Path.cwd())}
    counts: dict[str, Counter[str]] = {}
    for call, path, creates in read_calls(trace):
        place = next((name.strip() for name, begin in places.items() if path.startswith(begin)), "elsewhere")
        what = next((name for name, calls in CALLS.items() if call in calls), None)
        if call in ("open", "openat"):
            what = "created" if creates else "opened to read"
        if what:
            counts.setdefault(place, Counter())[what] += 1
            if place == "sweep's folder" and "metrics.csv" in path:
                counts.setdefault("of it metrics.csv", Counter())[what] += 1
    return {place: dict(count) for place, count in counts.items()}


def read_calls(trace: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield each call's name, the path that it is about and whether it may create a file."""
    begin, paths = re.compile(r"^\d+ +(\w+)\("), re.compile(r'(?:\w+<([^>]*)>, )?"((?:[^"\\]|\\.)+)"')
    with trace.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            call, found = begin.match(line), paths.findall(line)
            if call and found:
                # Of a rename the new name: W&B moves pictures from /tmp into the sweep's folder.
                base, path = found[-1 if call[1] in CALLS["renamed"] else 0]
                yield call[1], path if path.startswith("/") or not base else f"{base}/{path}", "O_CREAT" in line


def count_points(offline: Path) -> dict[str, int]:
    """Rows, values and pictures of a W&B run, by W&B's own reader, and what a sync sends."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(offline)]
    output = run_program(command)
    records = [json.loads(line) for line in output.splitlines()]
    rows = [record["history"]["item"] for record in records if record["type"] == "history"]
    values = sum(not str(item.get("key", "")).startswith("_") for row in rows for item in _items(row))
    files = [path for path in (offline / "files").rglob("*") if path.is_file()]
    return {
        "records": len(records),
        "rows": len(rows),
        "values": values,
        "files_to_send": len(files),
        "bytes_to_send": sum(path.stat().st_size for path in files) + next(offline.glob("*.wandb")).stat().st_size,
    }


def _items(row: Any) -> list[dict[str, Any]]:
    return row if isinstance(row, list) else [{"key": key} for key in row]


def seconds(work: Callable[[], object]) -> float:
    """CPU time of this process, all threads together: other work on the machine does not count."""
    started = time.process_time()
    work()
    return time.process_time() - started


def make_sweep(source: Path, folder: Path, count: int) -> Path:
    """Lay out a sweep of so many runs: hard links to a real one, with overrides of their own."""
    jobs = [[f"loss.weights.exp={1 + number / 1000}", f"loss.weights.tv={number}"] for number in range(count)]
    folder.mkdir()
    write_json(folder / PLAN, {"jobs": jobs, "swept": ["loss.weights.exp", "loss.weights.tv"]})
    files = [file for file in source.rglob("*") if file.is_file()]
    for number, job in enumerate(jobs):
        run = folder / str(number)
        for file in files:
            target = run / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
        overrides = run / ".hydra" / "overrides.yaml"
        overrides.unlink()
        OmegaConf.save(OmegaConf.create(job), overrides)
    return folder


def measure_tables(folder: Path) -> dict[str, float]:
    """Time of what a sweep's process does with its runs' results."""
    jobs = json.loads((folder / PLAN).read_text())["jobs"]
    figures = {
        "place the jobs": seconds(lambda: number_jobs(folder, jobs, 0, new=False)),
        "place the jobs, shuffled": seconds(lambda: number_jobs(folder, jobs[::-1], 0, new=False)),
        "find new points": seconds(lambda: new_jobs(jobs, jobs)),
        "read all states": seconds(lambda: [run_state(folder / str(number)) for number in range(len(jobs))]),
        "read the table": seconds(lambda: read_sweep(folder)),
        "collect what the page shows, but pictures": seconds(lambda: collect(folder)),
    }
    rows = read_sweep(folder)
    figures["write sweep.csv"] = seconds(lambda: write_csv(folder / "sweep.csv", rows))
    figures |= {f"bytes of {file.name}": file.stat().st_size for file in (folder / PLAN, folder / "sweep.csv")}
    if len(rows) <= MOST_ON_SHEET:
        figures["draw contact_sheet.png"] = seconds(lambda: write_contact_sheet(folder, rows))
        figures["bytes of contact_sheet.png"] = (folder / CONTACT_SHEET).stat().st_size
    return figures


def measure_report(folder: Path) -> dict[str, float]:
    taken = seconds(lambda: write_report(folder))
    pictures = sum(1 for _ in folder.glob("*/samples/*/*_output.png"))
    return {"pictures": pictures, "seconds": taken, "bytes": (folder / "report.html").stat().st_size}


def measure_composing(folder: Path, count: int) -> dict[str, float]:
    """Time of composing a run's configuration, and of handing an array of so many to SLURM, without SLURM's own."""
    register_resolvers()
    with initialize_config_dir(str(config_folder()), **VERSION_BASE):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", ["hydra/launcher=slurm"], RunMode.MULTIRUN)
        points = [[f"loss.weights.exp={number}", f"loss.weights.tv={number}"] for number in range(COMPOSED)]
        composed = seconds(lambda: [loader.load_sweep_config(config, list(point)) for point in points])
        return {"seconds_to_compose": composed / COMPOSED, **measure_submission(folder, config, count)}


def measure_submission(folder: Path, config: DictConfig, count: int) -> dict[str, float]:
    programs, logs = folder / "bin", folder / "submitit"
    programs.mkdir()
    for name in ("sbatch", "srun"):
        (programs / name).write_text("#!/bin/sh\necho Submitted batch job 1\n")
        (programs / name).chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}{os.pathsep}{before}"
    settings: Any = {key: value for key, value in config.hydra.launcher.items() if key != "submitit_folder"}
    settings = {**settings, "submitit_folder": f"{logs}/%j", "name": "sweep"}
    runs = [SweepRun(number, (f"loss.weights.exp={number}",), folder / str(number)) for number in range(count)]
    arguments: list[tuple[Any, ...]] = [(run.number, list(run.overrides), str(run.folder), []) for run in runs]
    executor = make_executor(settings, Resources(1, 1, 1))
    try:
        taken = seconds(lambda: executor.map_array(RunTask(), *zip(*arguments, strict=True)))
    finally:
        os.environ["PATH"] = before
    files = [path for path in logs.rglob("*") if path.is_file()]
    return {"submit_s": taken, "submit_files": len(files), "submit_bytes": sum(file.stat().st_size for file in files)}


def measure(folder: Path, count: int) -> dict[str, Any]:
    figures: dict[str, Any] = {"runs": count, "run": {}, "report": {}, "tables": {}}
    # So that the sample is rendered, decoded and in the cache, and Python's files are compiled.
    train(folder / "warm" / "0", ["trainer.max_steps=1"])
    for name, shape in SETTINGS.items():
        print(f"a run under strace, {name} ...", file=sys.stderr)
        figures["run"][name] = measure_run(folder / name.replace(" ", "_"), shape)
    print("composing and submitting ...", file=sys.stderr)
    figures["launch"] = measure_composing(folder, count)
    for name, runs in zip(SETTINGS, (RUNS_IN_REPORT, count), strict=True):
        print(f"tables and page of {runs} runs, {name} ...", file=sys.stderr)
        sweep = make_sweep(folder / name.replace(" ", "_") / "0", folder / str(runs), runs)
        figures["report"][name] = {"runs": runs, **measure_report(sweep)}
        figures["tables"][str(runs)] = measure_tables(sweep)
    return figures


def tables(figures: dict[str, Any]) -> str:
    """Lay out the figures as Markdown."""
    parts = [files_table(figures["run"], figures["runs"])]
    parts += [calls_table(name, run) for name, run in figures["run"].items()]
    return "\n\n".join([*parts, process_table(figures), report_table(figures["report"])])


def files_table(runs: dict[str, Any], count: int) -> str:
    names = [f"{name}: files and folders | MB | {count:,} runs | GB" for name in runs]
    lines = [f"| what a run leaves | {' | '.join(names)} |", "| --- |" + " ---: |" * 4 * len(runs)]
    left = {
        name: {**run["left"], "**together**": sum(map(Counter, run["left"].values()), Counter())}
        for name, run in runs.items()
    }
    for kind in next(iter(left.values())):
        cells = []
        for run in left.values():
            inodes, size = sum(run[kind].get(key, 0) for key in ("files", "folders")), run[kind].get("bytes", 0)
            cells += [f"{inodes:,}", f"{size / 1e6:,.2f}", f"{count * inodes:,}", f"{count * size / 1e9:,.1f}"]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    for name, run in runs.items():
        points = run["wandb"]
        lines += [
            "",
            f"W&B, {name}: {points['rows']:,} rows and {points['values']:,} values a run; a sync sends "
            f"{points['files_to_send']:,} files and {points['bytes_to_send'] / 1e6:.0f} MB.",
        ]
    return "\n".join(lines)


def calls_table(name: str, run: dict[str, Any]) -> str:
    lines = [f"| a run's calls by file name, {name}, in | {' | '.join(CALLS)} |", "| --- |" + " ---: |" * len(CALLS)]
    for place, calls in run["calls"].items():
        lines.append(f"| {place} | " + " | ".join(f"{calls.get(kind, 0):,}" for kind in CALLS) + " |")
    return "\n".join(lines)


def process_table(figures: dict[str, Any]) -> str:
    launch, measured = figures["launch"], figures["tables"]
    lines = [f"| the sweep's own process, CPU time | {' | '.join(f'{int(runs):,} runs' for runs in measured)} |"]
    lines.append("| --- |" + " ---: |" * len(measured))
    for name in next(iter(measured.values())):
        lines.append(f"| {name} | {' | '.join(_cell(name, part.get(name)) for part in measured.values())} |")
    composed = " | ".join(f"{int(runs) * launch['seconds_to_compose']:,.1f} s" for runs in measured)
    lines.append(f"| compose each run's configuration | {composed} |")
    lines.append(f"| files of one SLURM array | | {launch['submit_s']:.2f} s, {launch['submit_files']:,} files |")
    return "\n".join(lines)


def report_table(reports: dict[str, Any]) -> str:
    lines = ["| report.html | runs | pictures | CPU s | MB |", "| --- |" + " ---: |" * 4]
    for name, part in reports.items():
        cells = [f"{part[key]:,.0f}" for key in ("runs", "pictures", "seconds")]
        lines.append(f"| {name} | {' | '.join(cells)} | {part['bytes'] / 1e6:,.0f} |")
    return "\n".join(lines)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "left out"
    return f"{value / 1e6:,.2f} MB" if name.startswith("bytes") else f"{value:,.3f} s"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--output", type=Path, help="Markdown file; the JSON goes beside it")
    options = parser.parse_args(arguments)
    if not shutil.which("strace"):
        sys.exit("strace is needed, which counts calls: apt-get install strace")
    environment = describe_environment("")
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder).resolve(), options.runs)
    text = f"{describe_machine(environment, PACKAGES)}\n\n{tables(figures)}\n"
    publish(text, options.output, environment, figures)


if __name__ == "__main__":
    main()
