"""Kill a command at each call by which it changes a file, go on as a user would, and compare with an undisturbed one.

``python -m tests.endurance.crash [--scenario NAME] [--every N]``
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from tests.endurance import faults
from tests.endurance.faults import Action, Fault
from tests.endurance.scenarios import SCENARIOS, Call, Scenario


class Trials:
    """Trials of one scenario, all in a working folder of one name, as outputs may name it."""

    def __init__(self, scenario: Scenario, base: Path) -> None:
        self.scenario, self.base = scenario, base
        self.folder = base / "work"
        (base / "inputs").mkdir(parents=True)
        self.call: Call = scenario.prepare(base / "inputs")
        self._begin()
        outcome = faults.run(*self.call, self.folder, self.folder)
        assert outcome.code == 0, outcome.printed
        self.calls, self.expected = outcome.calls, scenario.snapshot(self.folder)

    def _begin(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def kill(self, at: int) -> str:
        """Kill the command at a call and go on; returns what is wrong then, or nothing."""
        self._begin()
        outcome = faults.run(*self.call, self.folder, self.folder, Fault(Action.KILL, at))
        if not outcome.killed:
            return f"it was not killed: {outcome.code}"
        again = faults.run(*self.scenario.again(self.folder, self.call), self.folder, self.folder)
        if again.code:
            return f"going on ended with {again.code}: {again.printed[-500:]}"
        return describe_difference(self.expected, self.scenario.snapshot(self.folder))


def describe_difference(expected: dict[str, str], found: dict[str, str]) -> str:
    """Say how two snapshots differ; empty where they do not."""
    parts = {
        "missing": sorted(expected.keys() - found.keys()),
        "left over": sorted(found.keys() - expected.keys()),
        "other": sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name]),
    }
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in parts.items() if names)


def main() -> None:
    """Run the trials of the scenarios that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="default: all")
    parser.add_argument("--every", type=int, default=1, help="take only every N-th call")
    options = parser.parse_args()
    faults.require_shim()
    for name in options.scenario or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix=f"crash-{name}-") as base:
            os.environ["ZERO_DCE_CACHE"] = f"{base}/cache"
            trials = Trials(SCENARIOS[name], Path(base))
            print(name, trials.calls, "calls", flush=True)
            for at in range(1, trials.calls + 1, options.every):
                wrong = trials.kill(at)
                print(at, wrong or "as undisturbed", flush=True)


if __name__ == "__main__":
    main()
