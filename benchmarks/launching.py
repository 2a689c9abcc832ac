"""What does starting a run of a sweep cost, beside its training?

    python benchmarks/launching.py [--runs N] [--output FILE.md]

The same short runs on the embedded sample, one after the other, started in four ways:

- inside the sweep's process, as a sweep does on one device;
- as a fresh process from the preloaded fork server, as ``hydra/launcher=local`` does, with one process a run;
- the same with two processes a run (``trainer=ddp trainer.devices=2``);
- by a fresh interpreter each, ``python -m zero_dce.train``, as a loop in a shell does and most launchers do.

The time is that from the end of one run's training to the beginning of the next one's: pictures, checkpoints and
result written, W&B's offline run closed, the process ended; then the next one started, its data opened, its pictures
chosen. ``--output FILE`` writes the table as Markdown and, beside it, the figures as JSON.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from publishing import describe_machine, publish

from zero_dce.files import read_json
from zero_dce.records.environment import describe_environment
from zero_dce.records.run import RESULT
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.sweep.launching.layout import Placement, threads_per_process
from zero_dce.sweep.launching.pool import Pool

SHORT = ["data=sample", "data.size=32", "trainer.accelerator=cpu", "trainer.max_steps=10", "every_n_steps=10"]
TWO = ["trainer=ddp", "trainer.devices=2", "data.batch_size=4"]


def in_one_process(folder: Path, runs: int) -> None:
    """Run a sweep as it is by default."""
    seeds = ",".join(map(str, range(runs)))
    train(*SHORT, f"seed={seeds}", f'hydra.sweep.dir="{folder}"', "-m")


def by_interpreters(folder: Path, runs: int) -> None:
    """Start each run as a program of its own."""
    for number in range(runs):
        train(*SHORT, f"seed={number}", f'hydra.run.dir="{folder / str(number)}"', "report_page=false")


def by_fork_server(processes: int) -> Callable[[Path, int], None]:
    """Return what starts each run as fresh processes, so many each."""

    def launch(folder: Path, runs: int) -> None:
        extra = TWO if processes > 1 else []
        sweep_runs = [
            SweepRun(number, (*SHORT, *extra, f"seed={number}"), folder / str(number)) for number in range(runs)
        ]
        counts = {run.number: processes for run in sweep_runs}
        with Pool(Placement([None], counts, threads_per_process([None], processes), []), []) as pool:
            for run in sweep_runs:
                pool.start(run)
            pool.drain()

    return launch


WAYS = {
    "inside the sweep's process": in_one_process,
    "fork server, one process a run": by_fork_server(1),
    "fork server, two processes a run": by_fork_server(2),
    "a fresh interpreter each": by_interpreters,
}


def train(*arguments: str) -> None:
    """Run the command line; what it prints goes to this program's errors."""
    subprocess.run([sys.executable, "-m", "zero_dce.train", *arguments], check=True, stdout=sys.stderr)


def measure(way: Callable[[Path, int], None], runs: int) -> list[float]:
    """Return the seconds between one run's training and the next one's."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "sweep"
        way(folder, runs)
        results = [read_json(folder / str(number) / RESULT) for number in range(runs)]
    return [after["training_began"] - before["training_ended"] for before, after in itertools.pairwise(results)]


def main() -> None:
    """Measure all ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--output", type=Path, metavar="FILE.md")
    options = parser.parse_args()
    train(*SHORT, "logger=csv", f"hydra.run.dir={tempfile.mkdtemp()}/0")  # renders the sample
    pauses = {name: measure(way, options.runs) for name, way in WAYS.items()}
    slowest = statistics.fmean(pauses["a fresh interpreter each"])
    rows = [["way", "mean s", "most s", "times as quick"]]
    for name, values in pauses.items():
        mean = statistics.fmean(values)
        rows.append([name, f"{mean:.2f}", f"{max(values):.2f}", f"{slowest / mean:.1f}"])
    environment = describe_environment("embedded sample")
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "| --- | ---: | ---: | ---: |")
    machine = describe_machine(environment, ("torch", "lightning", "hydra-core", "wandb"))
    text = f"# From one run's training to the next one's\n\n{machine} {options.runs} runs each way.\n\n"
    publish(text + "\n".join(lines) + "\n", options.output, environment, {"pauses_s": pauses})


if __name__ == "__main__":
    main()
