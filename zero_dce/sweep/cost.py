"""What a sweep will take, said before its first run."""

from __future__ import annotations

from omegaconf import DictConfig

from zero_dce.sweep.check import uses_slurm
from zero_dce.sweep.estimate import Estimate, estimate_run
from zero_dce.sweep.launching.devices import Slots
from zero_dce.sweep.launching.environment import run_environments
from zero_dce.sweep.launching.layout import in_sweeps_process, threads_per_process
from zero_dce.sweep.launching.processes import run_in_subprocess
from zero_dce.terminal import minutes, say


def announce_cost(config: DictConfig, count: int, slots: Slots) -> None:
    """Print about how much time and disk the runs of a sweep will take."""
    try:
        estimate = _estimate(config, slots)
    except Exception as error:
        # Each run reports the same error itself, and an estimate is no reason to give up the sweep.
        say(f"No estimate of time and disk: {error}")
        return
    disk = f"{count * estimate.megabytes:.0f} MB of disk"
    if estimate.seconds is None:
        say(f"About {disk}.")
        return
    at_a_time = f", {len(slots)} runs at a time" if len(slots) > 1 else ""
    # Runs that share a GPU were not measured: they count as if they took turns.
    side_by_side = len(slots) if None in slots else len({tuple(slot) for slot in slots if slot})
    training = minutes(count * estimate.seconds / side_by_side)
    say(f"About {training} of training ({estimate.basis}{at_a_time}) and {disk}.")


def _estimate(config: DictConfig, slots: Slots) -> Estimate:
    if uses_slurm(config) or in_sweeps_process(config, slots):
        # This machine's speed says nothing about a cluster's nodes, and nobody trains on a login node.
        return estimate_run(config, timed=not uses_slurm(config))
    # Whatever this process once holds on a GPU it holds until the end of the sweep, beside the runs' own processes.
    (environment,) = run_environments(1, slots[0])
    threads = threads_per_process(slots, 1)
    estimate: Estimate = run_in_subprocess(estimate_run, config, environment=environment, threads=threads)
    return estimate
