"""What a punished sweep is told of: counts by kind of trouble, and what came of them."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import lightning
import torch

from tests.endurance.cluster_troubles import TROUBLES
from tests.endurance.punished_sweep import EVERY_STEPS, STEP_PAUSE, Size

# What the table tells of an outcome besides troubles and faults.
NAMES = {
    "while_training": "of these while runs trained, and not before they had begun again",
    "launchers": "the launcher was started",
    "starts": "a training was started",
    "steps": "steps taken",
    "repeated": "of these once more, from the last checkpoint before a kill",
}


@dataclass
class Outcome:
    """What was done to a sweep, and what is wrong with it."""

    troubles: Counter[str] = field(default_factory=Counter)
    # Those before which steps were taken since the one before; the others met runs that were about to start.
    while_training: int = 0
    launchers: int = 0
    faults: list[str] = field(default_factory=list)
    starts: int = 0
    steps: int = 0
    repeated: int = 0


def find_mildness(outcome: Outcome, troubles: int) -> Iterator[str]:
    """Yield what a punishment of so many troubles has not reached: one that costs nothing proves nothing."""
    made = outcome.troubles.total()
    if made < troubles:
        yield f"{made} troubles of {troubles} were made"
    if 2 * outcome.while_training < made:
        yield f"{outcome.while_training} troubles of {made} came while runs trained, which is less than half"
    if not outcome.repeated:
        yield "no step was taken once more: no kill came between two checkpoints"


def describe(outcomes: Mapping[str, Outcome], size: Size, command: str, minutes: float) -> str:
    """Return the table of what was done and what came of it.

    Args:
        outcomes: of the punished sweeps, by their launchers.
        size: of each sweep.
        command: with which they were made.
        minutes: that it took, with the undisturbed sweeps.
    """
    slurm = subprocess.run(["slurmctld", "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
    cells: dict[str, list[object]] = {kind: [made.troubles[kind] for made in outcomes.values()] for kind in TROUBLES}
    cells["**all**"] = [f"**{made.troubles.total()}**" for made in outcomes.values()]
    cells |= {name: [getattr(made, key) for made in outcomes.values()] for key, name in NAMES.items()}
    cells["**faults**"] = [f"**{len(made.faults)}**" for made in outcomes.values()]
    lines = [
        "# Sweeps on SLURM, punished",
        "",
        f"`{command}` (`make punish`), {time.strftime('%Y-%m-%d')}: a private SLURM {slurm} of two nodes on "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, PyTorch {torch.__version__}, Lightning "
        f"{lightning.__version__}; {minutes:.0f} minutes with the undisturbed sweeps. Each sweep has {size.runs} runs "
        f"of {size.steps} steps, each of two processes, and two runs go on at a time. There is a checkpoint each "
        f"{EVERY_STEPS} steps, and where troubles are made a pause of {STEP_PAUSE} s after each step. With "
        "`hydra/launcher=slurm` each run is a job with a process on both nodes (`array_parallelism=2`); with "
        "`hydra/launcher=local` the sweep is one job on one node (`slots=2`). Where the launcher has ended and the "
        "sweep has not, it is continued by `resume=SWEEP_DIR hydra.launcher.retry_failed=true`, and the launcher's "
        "`setup` is given again.",
        "",
        f"| | {' | '.join(outcomes)} |",
        f"| --- |{' ---: |' * len(outcomes)}",
        *(f"| {name} | {' | '.join(map(str, values))} |" for name, values in cells.items()),
        "",
        "Counted as a fault: a run that is lost, or started again after it had finished; two processes that train the "
        "same run at the same time; a process without a record of its steps; a step that is missing in a record, or is "
        "not exactly once in a run's `metrics.csv`; a loss, a measure, the weights of a checkpoint or a `sweep.csv` "
        "that is not that of the undisturbed sweep to the last bit; a process or a job that is left, and a file that "
        "the undisturbed sweep does not have. A punishment that is too mild is a fault too: fewer troubles than asked "
        "for, less than half of them while runs trained, or no step taken once more.",
        *(f"\n- {launcher}: {fault}" for launcher, made in outcomes.items() for fault in made.faults),
    ]
    return "\n".join(lines) + "\n"
