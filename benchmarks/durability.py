"""What does it cost that a run's files are on the disk, and not only on their way there?

    python benchmarks/durability.py [--rounds N] [--settings NAME] [--output FILE.md] [OVERRIDE ...]

Whole runs on the embedded sample, in fresh processes, by turns with and without waiting for the disk. Settings: those
of the demo's runs, and the default ones, of 3,000 steps. Further arguments are overrides of both, as
``trainer.max_steps=300``. The table has, for each:

- how often a run asks the disk (fsync), and how long it waits in all, as a share of the run;
- what the runs with waiting take longer than those without, the median of the pairs, of which every other one begins
  with the run without, and its range;
- how long one file of 1 MB takes on this disk, and 24 files of 60 kB together, as sample pictures are.

The runs are written to the system's folder for temporary files: ``TMPDIR`` chooses the disk. ``--output FILE`` writes
the table as Markdown and, beside it, the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from publishing import describe_machine, publish

from zero_dce import files
from zero_dce.records.environment import describe_environment

COMMON = ["data=sample", "logger=csv", "report_page=false"]
SETTINGS = {"demo": ["experiment=quick"], "default": []}
REPEATS = 20


def carry_out(figures: Path, waiting: bool, overrides: list[str]) -> None:
    """Train in this process, and write how often and how long it waited for the disk."""
    counted, waited = [0], [0.0]
    sync, make_durable, lock = os.fsync, files.make_durable, threading.Lock()

    def count(fd: Any) -> None:
        with lock:
            counted[0] += 1
        sync(fd)

    def wait(*paths: Path) -> None:
        began = time.perf_counter()
        if waiting:
            make_durable(*paths)
        waited[0] += time.perf_counter() - began

    os.fsync = count
    # Other modules import it by its name only now.
    files.make_durable = wait
    from zero_dce.train.__main__ import main as train

    sys.argv = ["zero_dce.train", *overrides]
    began = time.perf_counter()
    train()
    seconds = time.perf_counter() - began
    figures.write_text(json.dumps({"fsyncs": counted[0], "waited_s": waited[0], "seconds": seconds}), encoding="utf-8")


def measure(waiting: bool, overrides: list[str]) -> dict[str, Any]:
    """Return the figures of a run in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        own = [sys.executable, __file__, "--figures", str(figures), *([] if waiting else ["--without"])]
        run = [*COMMON, f"hydra.run.dir={folder}/run", *overrides]
        subprocess.run([*own, *run], check=True, stdout=sys.stderr)
        found: dict[str, Any] = json.loads(figures.read_text(encoding="utf-8"))
        return found


def measure_pair(overrides: list[str], number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the figures of a run with waiting and one without; which is first changes from one to the next."""
    order = (True, False) if number % 2 else (False, True)
    measured = {waiting: measure(waiting, overrides) for waiting in order}
    return measured[True], measured[False]


def time_disk(count: int, size: int) -> float:
    """Return the median seconds for which so many new files of a size in bytes are waited for together."""
    seconds = []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / str(number) for number in range(count)]
            for path in paths:
                path.write_bytes(os.urandom(size))
            began = time.perf_counter()
            files.make_durable(*paths)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def describe(name: str, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """Return the row of a setting, from pairs of runs with and without waiting."""
    run = statistics.median(on["seconds"] for on, _ in pairs)
    waited = statistics.median(on["waited_s"] for on, _ in pairs)
    longer = sorted(100 * (on["seconds"] / off["seconds"] - 1) for on, off in pairs)
    cells = [name, pairs[0][0]["fsyncs"], f"{run:.1f}", f"{waited:.2f}", f"{100 * waited / run:.2f} %"]
    cells.append(f"{statistics.median(longer):+.2f} % ({longer[0]:+.2f} to {longer[-1]:+.2f})")
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Measure all settings and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--settings", action="append", choices=SETTINGS)
    parser.add_argument("--output", type=Path, metavar="FILE.md")
    parser.add_argument("--figures", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--without", action="store_true", help=argparse.SUPPRESS)
    options, overrides = parser.parse_known_args()
    if options.figures:
        carry_out(options.figures, not options.without, overrides)
        return
    one, many = time_disk(1, 1_000_000), time_disk(24, 60_000)
    measured = {}
    for name in options.settings or SETTINGS:
        settings = [*SETTINGS[name], *overrides]
        # The first run also renders the sample and fills the cache.
        measure(True, [*settings, "trainer.max_steps=1"])
        measured[name] = [measure_pair(settings, number) for number in range(options.rounds)]
    environment = describe_environment("embedded sample")
    lines = [
        "# What it costs that files are on the disk\n",
        f"{describe_machine(environment, ('torch', 'lightning'))} {options.rounds} pairs of runs of each. On this disk "
        f"one file of 1 MB takes {1000 * one:.1f} ms, and 24 of 60 kB together {1000 * many:.1f} ms.\n",
        "| settings | fsyncs a run | run s | of it waiting s | share | longer than without |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(describe(name, pairs) for name, pairs in measured.items()),
    ]
    figures = {"one_s": one, "many_s": many, "runs": measured, "overrides": overrides}
    publish("\n".join(lines) + "\n", options.output, environment, figures)


if __name__ == "__main__":
    main()
