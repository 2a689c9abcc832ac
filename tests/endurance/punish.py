"""A sweep on a private SLURM of two nodes, and troubles at random moments: nothing is lost, and nothing done twice.

``python -m tests.endurance.punish`` carries out a sweep undisturbed, then the same one with troubles, whose launcher is
started again as a person does, and compares the two. The table is in ``tests/endurance/punish.md``.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from tests.endurance.cluster_troubles import MARK, TROUBLES, Scene, set_node
from tests.endurance.punish_table import Outcome, describe, find_mildness
from tests.endurance.punished_sweep import LAUNCHERS, RANKS, STEP_PAUSE, Size, command, continuation, done_file, start
from tests.endurance.sweep_count import count_repeated, find_faults
from tests.helpers.pictures import make_sice
from tests.helpers.slurm import NODES, Cluster, running_cluster, why_not
from zero_dce.records.run import run_state

TABLE = Path(__file__).with_suffix(".md")
# The next trouble comes after at most so many steps, while runs train; where no step is taken for so many seconds, it
# comes all the same. A share of them comes after at most some seconds instead, and meets the start of a run too.
STEPS_BETWEEN, PATIENCE = 40, 60.0
SHARE_AT_ANY_TIME, PAUSE = 0.25, 5.0
# The undisturbed sweep gets this long, and the other one after its last trouble; then its processes.
MINUTES_TO_END = 10.0
SECONDS_TO_LEAVE = 60.0
QUEUED = "pending,running,suspended,completing"
SIZE = Size(runs=6, steps=400)


class Punisher:
    """Carries out a sweep, and makes troubles meanwhile."""

    def __init__(
        self, cluster: Cluster, folder: Path, size: Size, seed: int, launcher: str, kinds: Sequence[str]
    ) -> None:
        self.folder, self.size, self.launcher = folder, size, launcher
        self.scene = Scene(cluster, folder / "punished", random.Random(seed))
        self.kinds = deal(kinds, self.scene.random)
        self.records = folder / "punished-records"
        self.outcome = Outcome()
        self.finished: dict[str, float] = {}
        self._started: subprocess.Popen[bytes] | None = None
        self._taken = 0
        make_sice(folder / "sice", scenes=5, frames=4)

    def run_undisturbed(self) -> None:
        """Carry out the same sweep, beforehand."""
        (self.folder / "whole-records").mkdir()
        with (self.folder / "whole.log").open("wb") as log:
            line = command(self.folder, "whole", self.size, self.launcher)
            started = self._start(line, self.folder / "whole", log)
            try:
                code = started.wait(60 * MINUTES_TO_END)
            finally:
                started.kill()
        assert code == 0, (self.folder / "whole.log").read_text()[-3000:]

    def run_punished(self, troubles: int, minutes: float) -> None:
        """Carry out the sweep with so many troubles, or as many as fit into so many minutes."""
        self.records.mkdir()
        until, is_due = time.monotonic() + 60 * minutes, self._next_moment()
        while not self._is_over():
            made, now = self.outcome.troubles.total(), time.monotonic()
            if now > until + 60 * MINUTES_TO_END:
                self.outcome.faults.append("the sweep does not end")
                break
            # The sweep may be quick: its last steps must not be done before the last trouble.
            late = self._steps_done() / (self.size.runs * self.size.steps) > (made + 1) / (troubles + 2)
            if made < troubles and now < until and (late or is_due()) and self._make_trouble():
                is_due = self._next_moment()
            time.sleep(0.2)
        self._check()

    def _next_moment(self) -> Callable[[], bool]:
        """Return a test whether it is time for the next trouble."""
        now, taken = time.monotonic(), self._steps_taken()
        if self.scene.random.random() < SHARE_AT_ANY_TIME:
            pause = self.scene.random.uniform(0, PAUSE)
            return lambda: time.monotonic() > now + pause
        steps = self.scene.random.randint(1, STEPS_BETWEEN)
        return lambda: self._steps_taken() >= taken + steps or time.monotonic() > now + PATIENCE

    def _is_over(self) -> bool:
        """Note which runs have finished; start the launcher where it has ended and the sweep has not."""
        for run in map(str, range(self.size.runs)):
            if run not in self.finished and run_state(self.scene.sweep / run) == "finished":
                self.finished[run] = time.time()
        code = self._started.poll() if self._started else 1
        if code == 0 and (self.launcher == "slurm" or done_file(self.scene.sweep).exists()):
            return True
        # sbatch may end without its job, which a person sees in the queue.
        if code is not None and not (self.launcher == "local" and self.scene.jobs(QUEUED)):
            self._launch()
        return False

    def _launch(self) -> None:
        sweep = self.scene.sweep
        line = continuation(sweep, self.launcher)
        if not (sweep / "sweep.json").exists():
            line = command(self.folder, sweep.name, self.size, self.launcher, STEP_PAUSE)
        with (self.folder / "punished.log").open("ab") as log:
            self._started = self._start(line, sweep, log)
        self.outcome.launchers += 1
        self._say("launcher", f"process {self._started.pid}: {' '.join(line[:3])}")

    def _start(self, line: list[str], sweep: Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        variables = {**self.scene.cluster.environment, MARK: str(sweep)}
        return start(line, sweep, self.launcher, variables, log)

    def _steps_taken(self) -> int:
        """All steps, also those that were taken again."""
        return sum(file.read_bytes().count(b" step ") for file in self.records.glob("*-0"))

    def _steps_done(self) -> int:
        """Where the runs are by now."""
        words = [file.read_bytes().split() for file in self.records.glob("*-0")]
        return sum(int(line[-1]) for line in words if line)

    def _make_trouble(self) -> bool:
        """Make one, unless what the next kind is for is not there."""
        kind, taken = next(self.kinds), self._steps_taken()
        done = TROUBLES[kind](self.scene)
        if done is None:
            return False
        self.outcome.troubles[kind] += 1
        self.outcome.while_training += taken > self._taken
        self._taken = taken
        self._say(kind, done)
        return True

    def _say(self, kind: str, what: str) -> None:
        made, done = self.outcome.troubles.total(), self._steps_done()
        print(f"{time.strftime('%H:%M:%S')} {made:4d} troubles, {done:5d} steps done; {kind}: {what}", flush=True)

    def _check(self) -> None:
        for node in NODES:
            set_node(self.scene.cluster, node, "resume")
        self.outcome.starts, self.outcome.steps, self.outcome.repeated = count_repeated(self.records)
        different, expected = self.outcome.steps - self.outcome.repeated, self.size.runs * self.size.steps
        if different != expected:
            self.outcome.faults.append(f"{different} different steps of {expected} were taken")
        self.outcome.faults += find_faults(self.folder / "whole", self.scene.sweep, self.records, self.finished, RANKS)
        # A run has its result some seconds before its job has ended.
        until = time.monotonic() + SECONDS_TO_LEAVE
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(0.5)
        self.outcome.faults += left

    def _left(self) -> list[str]:
        jobs = [f"job {job} is left" for job in self.scene.jobs(QUEUED)]
        return [*jobs, *(f"process {pid} is left" for pid in self.scene.processes())]


def deal(kinds: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Yield kinds of troubles without end, in any order, each as often as another."""
    while True:
        yield from chance.sample(kinds, len(kinds))


def punish(
    folder: Path,
    troubles: int,
    minutes: float,
    seed: int,
    size: Size,
    launcher: str,
    kinds: Sequence[str] = tuple(TROUBLES),
) -> Outcome:
    """Carry out a sweep in a folder twice, undisturbed and with troubles; see :class:`Outcome`.

    Args:
        folder: an empty one.
        troubles: how many.
        minutes: as many as fit into them.
        seed: of which troubles come when; how quick the machine is matters too.
        size: of the sweep.
        launcher: a key of ``LAUNCHERS``.
        kinds: keys of ``TROUBLES``, of which each comes about as often as another.
    """
    with running_cluster() as cluster:
        punisher = Punisher(cluster, folder, size, seed, launcher, kinds)
        try:
            punisher.run_undisturbed()
            punisher.run_punished(troubles, minutes)
        finally:
            # It goes on only where something went wrong.
            for pid in punisher.scene.launchers():
                os.kill(pid, signal.SIGKILL)
    return punisher.outcome


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.endurance.punish", description=__doc__)
    parser.add_argument("--launcher", choices=LAUNCHERS, help="one sweep by it; by default one after the other by each")
    parser.add_argument("--troubles", type=int, default=100, help="how many in each sweep (100)")
    parser.add_argument("--minutes", type=float, default=40.0, help="as many as fit into them (40)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of which troubles come when; the machine's speed matters too (0)"
    )
    parser.add_argument("--table", type=Path, default=TABLE, help=f"file for the counts ({TABLE.name} beside this one)")
    options = parser.parse_args()
    reason = why_not()
    if reason:
        sys.exit(reason)
    began, outcomes = time.monotonic(), {}
    which = f" --launcher {options.launcher}" if options.launcher else ""
    done = f"python -m tests.endurance.punish{which} --troubles {options.troubles} --seed {options.seed}"
    for launcher in [options.launcher] if options.launcher else LAUNCHERS:
        outcomes[launcher] = carry_out(launcher, options)
        minutes = (time.monotonic() - began) / 60
        options.table.write_text(describe(outcomes, SIZE, done, minutes), encoding="utf-8")
    faults = sum(len(outcome.faults) for outcome in outcomes.values())
    if faults:
        sys.exit(f"{faults} faults; see {options.table}")


def carry_out(launcher: str, options: argparse.Namespace) -> Outcome:
    """Punish the sweep of one launcher; its folder is left where something is wrong with it."""
    folder = Path(tempfile.mkdtemp(prefix="punish-"))
    outcome = punish(folder, options.troubles, options.minutes, options.seed, SIZE, launcher)
    outcome.faults += find_mildness(outcome, options.troubles)
    if outcome.faults:
        print(*outcome.faults, f"see {folder}", sep="\n")
    else:
        shutil.rmtree(folder)
    return outcome


if __name__ == "__main__":
    main()
