"""The sweep that is punished: as small as it can be, and long enough to be met in the middle."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.helpers.paths import ROOT
from tests.helpers.runs import tiny
from zero_dce.files import CACHE_VARIABLE

# Two runs at a time, each of two processes. Sums over two processes are the same in every order, so that a run is the
# same to the last bit. With slurm, each run is a job with a process on both nodes.
SETUP = "hydra.launcher.setup=['export MASTER_ADDR=127.0.0.1']"
LAUNCHERS = {
    "slurm": [
        "hydra/launcher=slurm",
        "hydra.launcher.cpus_per_task=1",
        "hydra.launcher.mem_gb=1",
        "hydra.launcher.array_parallelism=2",
        SETUP,
        "trainer.num_nodes=2",
        "trainer.devices=1",
    ],
    "local": ["hydra/launcher=local", "hydra.launcher.slots=2", "trainer.devices=2"],
}

# Processes of each run; steps from a checkpoint to the next one; seconds between two steps where troubles are made. A
# step on such small pictures takes milliseconds: without a pause, hardly any trouble would meet a run that trains.
RANKS, EVERY_STEPS, STEP_PAUSE = 2, 20, 0.05


@dataclass(frozen=True)
class Size:
    """Of a sweep: how many runs of how many steps."""

    runs: int
    steps: int


# With local, the whole sweep is one job on one node, which a person submits and waits for.
AS_A_JOB = (
    "sbatch",
    "--wait",
    "--no-requeue",
    "--ntasks=1",
    "--cpus-per-task=4",
    "--mem=8G",
    "--output=job.log",
    "--open-mode=append",
)


def command(folder: Path, sweep: str, size: Size, launcher: str, pause: float = 0.0) -> list[str]:
    """Return the command line of a sweep, with so many seconds between the steps."""
    return tiny(
        folder / "sice",
        *LAUNCHERS[launcher],
        f"hydra.sweep.dir={folder / sweep}",
        "hydra.mode=MULTIRUN",
        "trainer=ddp",
        "trainer.strategy.timeout.minutes=1",
        f"seed={','.join(map(str, range(size.runs)))}",
        f"trainer.max_steps={size.steps}",
        f"every_n_steps={EVERY_STEPS}",
        "data.batch_size=1",
        "logger=csv",
        "callbacks.samples=null",
        "+callbacks.record={_target_: tests.helpers.trouble.StepRecord, run: '${run_dir}', "
        f"records: '{folder / f'{sweep}-records'}', pause: {pause}}}",
    )


def continuation(sweep: Path, launcher: str) -> list[str]:
    """Return the command line that continues a sweep; what could run any code is not taken from its folder."""
    line = [f"resume={sweep}", "hydra.launcher.retry_failed=true", "allow_targets=tests"]
    return [*line, SETUP] if launcher == "slurm" else line


def done_file(sweep: Path) -> Path:
    """Return the file that says that a job's command has ended well; sbatch ends with 0 for a cancelled one too."""
    return sweep.with_name(f"{sweep.name}-done")


def start(
    line: list[str], sweep: Path, launcher: str, variables: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a command line as a person does, in a group of its own, with further environment variables."""
    words = [sys.executable, "-m", "zero_dce.train", *line]
    if launcher == "local":
        words = [*AS_A_JOB, f"--wrap={shlex.join(words)} && touch {done_file(sweep)}"]
    common = {"PYTHONPATH": str(ROOT), CACHE_VARIABLE: str(sweep.parent / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        words,
        cwd=sweep.parent,
        env={**os.environ, **common, **variables},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
