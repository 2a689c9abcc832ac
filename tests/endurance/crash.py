"""Kill commands at each call by which they change a file, and let the calls fail; then go on as a user would.

``python -m tests.endurance.crash [--scenario NAME] [--fault NAME] [--minutes N] [--jobs N]`` compares what comes out
with an undisturbed command's, writes the table ``crash.md`` beside this file, and ends with 1 if anything differs. With
``--results FILE``, trials of several calls of it add up: to all calls, in hours that need not follow each other.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from tests.endurance import faults
from tests.endurance.scenarios import SCENARIOS as OF_SWEEPS
from tests.endurance.scenarios_commands import COMMANDS, PRELOADED
from tests.endurance.trials import ERRORS, KILL, KILL_ALONE, KILL_TWICE, Trial, Trials
from tests.helpers import processes
from zero_dce.files import write_file

SCENARIOS = OF_SWEEPS | COMMANDS
TABLE = Path(__file__).with_suffix(".md")
NOWHERE = Path(os.devnull)
FAULTS = (KILL, KILL_ALONE, KILL_TWICE, *ERRORS)
# A result as a line of JSON: the trial, how many calls the fault can hit, and what was wrong.
Result = tuple[str, str, int, int, str]


def main() -> None:
    """Carry out the trials that were asked for; in several processes, of which each takes every so-many-th."""
    options = _options()
    if options.part is not None:
        faults.require_shim()
        _work(options)
        return
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        # What a call before this one has found comes first.
        files = [options.results, *(Path(folder) / f"{part}.jsonl" for part in range(options.jobs))]
        own = [sys.executable, "-m", "tests.endurance.crash", *sys.argv[1:]]
        workers = [
            subprocess.Popen([*own, "--part", str(part), "--results", str(file)]) for part, file in enumerate(files[1:])
        ]
        codes = [worker.wait() for worker in workers]
        found = [json.loads(line) for file in files if file.is_file() for line in file.read_text().splitlines()]
    # A trial that was made again counts as it went the last time.
    results = [*{(scenario, fault, at): result for result in found for scenario, fault, _, at, _ in [result]}.values()]
    if options.results != NOWHERE:
        write_file(options.results, "".join(f"{json.dumps(result)}\n" for result in results))
    table = describe(results, options)
    print(table)
    if options.results != NOWHERE or not (options.scenario or options.fault):
        TABLE.write_text(table, encoding="utf-8")
    sys.exit(any(codes) or not results or any(wrong for *_, wrong in results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="default: all, and write the table")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="default: all, and write the table")
    parser.add_argument("--at", type=int, action="append", help="only this call")
    parser.add_argument("--most", type=int, help="at most so many calls of each scenario and fault")
    parser.add_argument("--minutes", type=float, help="begin no further trial after this time; default: try all")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the trials")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--results", type=Path, default=NOWHERE, help="add to this file's trials, and tabulate all")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _work(options: argparse.Namespace) -> None:
    """Carry out one process's part of the trials, and write a line for each."""
    processes.PRELOADED.extend(PRELOADED)
    until = time.monotonic() + 60 * (options.minutes or float("inf"))
    names = options.scenario or list(SCENARIOS)
    with tempfile.TemporaryDirectory(prefix="crash-") as base, options.results.open("a") as results:
        scenarios = {name: _prepare(name, Path(base), options.seed) for name in names}
        plans = {
            (name, fault): trials.plan(fault) for name, trials in scenarios.items() for fault in options.fault or FAULTS
        }
        for trial in list(order(plans, options))[options.part :: options.jobs]:
            if time.monotonic() > until:
                break
            wrong = scenarios[trial.scenario].run(trial.fault, trial.at)
            calls = len(plans[trial.scenario, trial.fault])
            results.write(json.dumps([trial.scenario, trial.fault, calls, trial.at, wrong]) + "\n")
            results.flush()
            print(f"{trial.scenario}, {trial.fault} at {trial.at}: {wrong or 'as undisturbed'}", flush=True)


def _prepare(name: str, base: Path, seed: int) -> Trials:
    os.environ["ZERO_DCE_CACHE"] = str(base / name / "cache")
    return Trials(SCENARIOS[name], base / name, seed)


def order(plans: dict[tuple[str, str], list[int]], options: argparse.Namespace) -> Iterator[Trial]:
    """Yield all trials, so that of each scenario and fault about the same share is done whenever the time is over."""
    placed = []
    for (scenario, fault), calls in plans.items():
        chosen = [at for at in calls if options.at is None or at in options.at]
        random.Random(f"{options.seed} {scenario} {fault}").shuffle(chosen)
        chosen = chosen[: options.most]
        placed += [(place / len(chosen), Trial(scenario, fault, at)) for place, at in enumerate(chosen)]
    yield from (trial for _, trial in sorted(placed, key=lambda pair: pair[0]))


def describe(results: Sequence[Result], options: argparse.Namespace) -> str:
    """Lay out the results as a Markdown page."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result[0], result[1]].append(result)
    lines = ["| scenario | fault | calls | tried | passed | failed at |", "| --- | --- | --: | --: | --: | --- |"]
    tried = passed = 0
    for (scenario, fault), members in sorted(groups.items(), key=lambda pair: (pair[0][0], FAULTS.index(pair[0][1]))):
        failed = sorted(at for *_, at, wrong in members if wrong)
        tried, passed = tried + len(members), passed + len(members) - len(failed)
        cells = [scenario, fault, members[0][2], len(members), len(members) - len(failed), failed or ""]
        lines.append(f"| {' | '.join(str(cell).strip('[]') for cell in cells)} |")
    return "\n".join(
        [
            "# Crashes and failing calls\n",
            "Each command is disturbed at one of the calls by which it changes a file, and goes on as a user would; "
            "then its folder must equal that of an undisturbed one. `python -m tests.endurance.crash` writes this "
            "page.\n",
            f"{tried} trials, {passed} passed. Where fewer were tried than there are calls, they are a random sample "
            f"(seed {options.seed}). {platform.platform()}, Python {platform.python_version()}, "
            f"PyTorch {torch.__version__}.\n",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    main()
