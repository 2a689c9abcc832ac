"""The sweep that is punished: as small as it can be, and long enough to be met in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.helpers.runs import tiny

# Two runs at a time, each of two processes. Sums over two processes are the same in every order, so that a run is the
# same to the last bit. With slurm, each run is a job with a process on both nodes.
LAUNCHERS = {
    "slurm": [
        "hydra/launcher=slurm",
        "hydra.launcher.cpus_per_task=1",
        "hydra.launcher.mem_gb=1",
        "hydra.launcher.array_parallelism=2",
        "hydra.launcher.setup=['export MASTER_ADDR=127.0.0.1']",
        "trainer.num_nodes=2",
        "trainer.devices=1",
    ],
    "local": ["hydra/launcher=local", "hydra.launcher.slots=2", "trainer.devices=2"],
}


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


def command(folder: Path, sweep: str, size: Size, launcher: str) -> list[str]:
    """Return the command line of a sweep."""
    return tiny(
        folder / "sice",
        *LAUNCHERS[launcher],
        f"hydra.sweep.dir={folder / sweep}",
        "hydra.mode=MULTIRUN",
        "trainer=ddp",
        "trainer.strategy.timeout.minutes=1",
        f"seed={','.join(map(str, range(size.runs)))}",
        f"trainer.max_steps={size.steps}",
        "every_n_steps=20",
        "data.batch_size=1",
        "logger=csv",
        "callbacks.samples=null",
        "+callbacks.record={_target_: tests.helpers.trouble.StepRecord, run: '${run_dir}', records: "
        f"'{folder / f'{sweep}-records'}'}}",
    )
