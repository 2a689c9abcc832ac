"""Kill commands at each call by which they change a file, and let the calls fail; then go on as a user would.

``python -m tests.endurance.crash [--scenario NAME] [--fault NAME] [--minutes N] [--jobs N]`` compares what comes out
with an undisturbed command's, and ends with 1 if anything differs. Where nothing was left out by an option, it writes
the table ``crash.md`` beside this file. With ``--results FILE``, trials of several calls of it add up: to all calls, in
hours that need not follow each other. Those of a scenario and fault are of one state of the code, the last that they
were tried with; a trial that has failed once with it has failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from tests.endurance import faults
from tests.endurance.scenarios import SCENARIOS as OF_SWEEPS
from tests.endurance.scenarios_commands import COMMANDS, PRELOADED
from tests.endurance.scenarios_runs import RUNS
from tests.endurance.trials import ERRORS, KILL, KILL_ALONE, KILL_TWICE, Trial, Trials
from tests.helpers import processes
from tests.helpers.paths import ROOT
from zero_dce.files import write_file

SCENARIOS = OF_SWEEPS | COMMANDS | RUNS
TABLE = Path(__file__).with_suffix(".md")
NOWHERE = Path(os.devnull)
FAULTS = (KILL, KILL_ALONE, KILL_TWICE, *ERRORS)
# What is tested: the last commit to these tells of which code a result is.
TESTED = ("zero_dce", "hydra_plugins", "conf", "sweeps")
# Of a scenario and fault, how many calls the fault can hit.
PLANNED = 0


class Result(NamedTuple):
    """A line of JSON: a trial, how many calls its fault can hit, what was wrong, and the commit.

    Where ``at`` is ``PLANNED``, it only says how many calls there are.
    """

    scenario: str
    fault: str
    calls: int
    at: int
    wrong: str
    commit: str


def main() -> None:
    """Carry out the trials that were asked for; in several processes, of which each takes every so-many-th."""
    options = _options()
    if options.part is not None:
        _work(options)
        return
    earlier = read_results(options.results)
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        workers = [_start(part, Path(folder)) for part in range(options.jobs)]
        codes = [worker.wait() for worker in workers]
        files = [Path(folder) / str(part) / "results.jsonl" for part in range(options.jobs)]
        results = add_up([*earlier, *(result for file in files for result in read_results(file))])
    if options.results != NOWHERE:
        write_file(options.results, "".join(f"{json.dumps(result)}\n" for result in results))
    whole = options.results != NOWHERE or not (options.scenario or options.fault or options.at or options.most)
    table = describe(results, options.seed, whole)
    print(table)
    if whole:
        TABLE.write_text(table, encoding="utf-8")
    tried = [result for result in results if result.at != PLANNED]
    sys.exit(any(codes) or not tried or any(result.wrong for result in tried))


def tested_commit() -> str:
    """Return the last commit to what is tested, and whether there are changes besides."""
    git = ["git", "-C", str(ROOT)]
    commit, changes = (
        subprocess.run([*git, *command, "--", *TESTED], capture_output=True, text=True, check=True).stdout.strip()
        for command in (["log", "-1", "--format=%h"], ["status", "--porcelain"])
    )
    return f"{commit} with changes" if changes else commit


def read_results(file: Path) -> list[Result]:
    """Read the results in a file, if there is one."""
    return [Result(*json.loads(line)) for line in file.read_text().splitlines()] if file.is_file() else []


def add_up(found: Sequence[Result]) -> list[Result]:
    """Return each trial once: the last one, or the last that failed.

    Another state of the code makes other calls, so that of each scenario and fault only its last one counts.
    """
    last = {(result.scenario, result.fault): result.commit for result in found}
    results: dict[tuple[str, str, int], Result] = {}
    for result in (one for one in found if one.commit == last[one.scenario, one.fault]):
        before = results.get((result.scenario, result.fault, result.at))
        if not (before and before.wrong and not result.wrong):
            results[result.scenario, result.fault, result.at] = result
    return [*results.values()]


def _start(part: int, folder: Path) -> subprocess.Popen[bytes]:
    """Start the process that makes a part of the trials, with a shim of its own."""
    own = folder / str(part)
    own.mkdir()
    command = [sys.executable, "-m", "tests.endurance.crash", *sys.argv[1:], "--part", str(part)]
    return subprocess.Popen(
        [*command, "--results", str(own / "results.jsonl")], env={**os.environ, **faults.variables(own)}
    )


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
        commit = tested_commit()

        def write(trial: Trial, wrong: str = "") -> None:
            calls = len(plans[trial.scenario, trial.fault])
            results.write(json.dumps(Result(trial.scenario, trial.fault, calls, trial.at, wrong, commit)) + "\n")
            results.flush()

        for scenario, fault in plans:
            write(Trial(scenario, fault, PLANNED))
        for trial in list(order(plans, options))[options.part :: options.jobs]:
            if time.monotonic() > until:
                break
            wrong = scenarios[trial.scenario].run(trial.fault, trial.at)
            write(trial, wrong)
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


def describe(results: Sequence[Result], seed: int, whole: bool) -> str:
    """Lay out the results as a Markdown page, with a row also for what was not planned if it is the whole."""
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.scenario, result.fault].append(result)
    shown = [name for name in sorted(SCENARIOS) if whole or any(name == scenario for scenario, _ in groups)]
    tried = [result for result in results if result.at != PLANNED]
    failed = [f"{one.scenario}, {one.fault} at {one.at}: {_first_line(one.wrong)}" for one in tried if one.wrong]
    rows = [[name, *(_describe_trials(groups[name, fault]) for fault in FAULTS)] for name in shown]
    return "\n".join(
        [
            "# Crashes and failing calls\n",
            "Each command is disturbed at one of the calls by which it changes a file, and goes on as a user would; "
            "then its folder must equal that of an undisturbed one. `python -m tests.endurance.crash` writes this "
            "page.\n",
            f"{len(tried)} trials, {len(tried) - len(failed)} passed. A cell has how many passed, of how many tried, "
            "of how many calls that the fault can hit; where not all were tried, they are a random sample "
            f"(seed {seed}), and ? is not counted yet. {_commits(tried)}; {platform.platform()}, "
            f"Python {platform.python_version()}, PyTorch {torch.__version__}.\n",
            f"| {' | '.join(['scenario', *FAULTS])} |",
            "| --- |" + " --- |" * len(FAULTS),
            *(f"| {' | '.join(row)} |" for row in rows),
            *(["\nFailed:\n", *(f"- {line}" for line in failed)] if failed else []),
            "",
        ]
    )


def _commits(tried: Sequence[Result]) -> str:
    """Say how many trials were made with which state of the code."""
    counted = Counter(result.commit for result in tried)
    return "Trials by commit: " + ", ".join(f"{commit} {count}" for commit, count in counted.most_common())


def _first_line(wrong: str) -> str:
    """Return the beginning of what was wrong, without the folders of the trial."""
    return re.sub(r"/\S*?/crash-\w+/", "", wrong.splitlines()[0])[:200]


def _describe_trials(members: Sequence[Result]) -> str:
    """Return ``passed/tried of calls``; empty where the fault can hit no call, ``?`` where nothing is known."""
    if not members:
        return "?"
    if not members[-1].calls:
        return ""
    tried = [result for result in members if result.at != PLANNED]
    return f"{sum(not result.wrong for result in tried)}/{len(tried)} of {members[-1].calls}"


if __name__ == "__main__":
    main()
