"""Sweeps on a SLURM cluster: which resources a run needs, and submitting all runs as jobs.

By way of submitit, which writes the job scripts, but not of its waiting: that ends with the first dead job, and without
SLURM's accounting never. See :mod:`zero_dce.launching.slurm_wait`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, filter_overrides
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from zero_dce.launching.slurm_queue import cancel, cancel_command, read_queue, why_no_accounting
from zero_dce.launching.slurm_task import RunTask
from zero_dce.launching.slurm_wait import Run, interruptible, wait_for
from zero_dce.records import read_json, write_json

if TYPE_CHECKING:
    from hydra_plugins.zero_dce.slurm_launcher import SlurmLauncher

log = logging.getLogger(__name__)
# In the sweep's folder: the id of each run's job.
JOBS = "slurm_jobs.json"
# Of a job that submitit's handler sends back into the queue before training has begun, where none can be saved.
MOST_EARLY_REQUEUES = 20
# What SLURM's commands are told by their user. All other variables of this name describe the job around the sweep.
KEPT = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT")
OF_A_PROCESS_GROUP = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK")


@dataclass(frozen=True)
class Resources:
    """What a run's job asks for; jobs that ask for the same are one array."""

    nodes: int
    tasks_per_node: int
    gpus_per_node: int

    @classmethod
    def of(cls, trainer: Any) -> Resources:
        """Return what a run needs, by its trainer's configuration and not by this machine's devices.

        Raises:
            ValueError: if the number of devices or nodes is not given as one.
        """
        devices, nodes = (_count(trainer, name) for name in ("devices", "num_nodes"))
        return cls(nodes, devices, 0 if trainer.accelerator == "cpu" else devices)


def launch(launcher: SlurmLauncher, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Submit the runs of a sweep, wait for them, and return what became of each, in their order.

    Raises:
        CompactHydraException: if they cannot be submitted; then none is left in the queue.
        SystemExit: if the waiting is interrupted; the jobs go on, unless they are to be cancelled then.
    """
    folder = Path(launcher.config.hydra.sweep.dir).resolve()
    runs = [
        Run(first + index, tuple(overrides), folder / str(first + index))
        for index, overrides in enumerate(job_overrides)
    ]
    reason = why_no_accounting()
    if reason:
        log.info("Why a job died is known for some minutes only: %s", reason)
    try:
        with interruptible():
            try:
                _submit(launcher, folder, runs)
            except (ValueError, RuntimeError) as error:
                cancel_all(runs)
                raise CompactHydraException(f"The sweep was not submitted: {error}") from error
            wait_for(runs, accounting=reason is None)
    except KeyboardInterrupt as stop:
        _leave(runs, folder, launcher.settings["cancel_on_interrupt"])
        sys.exit(stop.args[0] if stop.args else 130)
    return [run.returned() for run in runs]


def cancel_all(runs: Sequence[Run]) -> None:
    """Cancel the jobs of runs that were submitted."""
    jobs = [run.job for run in runs if run.job]
    if jobs:
        cancel(jobs)


def _submit(launcher: SlurmLauncher, folder: Path, runs: Sequence[Run]) -> None:
    """Submit each run, but for those whose job of an earlier time is still in the queue: these are waited for."""
    earlier = read_json(folder / JOBS) or {}
    queue = read_queue() if earlier else {}
    kinds: dict[Resources, list[Run]] = {}
    for run in runs:
        config = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, list(run.overrides))
        resources = Resources.of(config.trainer)
        job = earlier.get(str(run.number))
        if job in queue and not queue[job].ended:
            run.job, run.log, run.stale = job, _log(launcher.settings, job), None
            log.info("Run %d is in the queue already, as job %s", run.number, job)
        else:
            kinds.setdefault(resources, []).append(run)
    for resources, members in kinds.items():
        _submit_array(launcher.settings, resources, members)
        earlier |= {str(run.number): run.job for run in members}
        write_json(folder / JOBS, earlier)


def _submit_array(settings: dict[str, Any], resources: Resources, runs: Sequence[Run]) -> None:
    executor = _executor(settings, resources)
    arguments = [(run.number, list(run.overrides), str(run.folder)) for run in runs]
    for run in runs:
        run.folder.mkdir(parents=True, exist_ok=True)
    with _without_outer_job():
        jobs = executor.map_array(RunTask(), *zip(*arguments, strict=True))
    for run, job in zip(runs, jobs, strict=True):
        run.job, run.log = job.job_id, job.paths.stdout
        log.info("Run %d is job %s: %s", run.number, run.job, " ".join(filter_overrides(run.overrides)))


def _executor(settings: dict[str, Any], resources: Resources) -> Any:
    import submitit

    executor = submitit.AutoExecutor(
        folder=settings["submitit_folder"], cluster="slurm", slurm_max_num_timeout=MOST_EARLY_REQUEUES
    )
    cpus = settings["cpus_per_task"]
    # A process that fails takes the others along, which would wait for it. srun does not take over sbatch's CPUs.
    srun = ["--kill-on-bad-exit=1", *([] if cpus is None else [f"--cpus-per-task={cpus}"])]
    same = ("partition", "account", "qos", "constraint", "array_parallelism", "signal_delay_s")
    parameters = {
        **{name: settings[name] for name in ("name", "timeout_min", "cpus_per_task", "mem_gb")},
        **{f"slurm_{name}": settings[name] for name in same},
        "nodes": resources.nodes,
        "tasks_per_node": resources.tasks_per_node,
        "gpus_per_node": resources.gpus_per_node or None,
        "stderr_to_stdout": True,
        "slurm_setup": list(settings["setup"]),
        "slurm_srun_args": srun,
        # Some clusters do not let jobs back into the queue unless they ask for it.
        "slurm_additional_parameters": {"requeue": True, **settings["additional_parameters"]},
    }
    executor.update_parameters(**{name: value for name, value in parameters.items() if value is not None})
    return executor


def _log(settings: dict[str, Any], job: str) -> Path:
    from submitit.core.utils import JobPaths

    return Path(JobPaths(settings["submitit_folder"], job_id=job).stdout)


def _count(trainer: Any, name: str) -> int:
    value = OmegaConf.select(trainer, name, default=1)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise ValueError(
            f"trainer.{name}={value}: a job needs to know how many to ask for, so give a whole number from 1 on"
        )
    return number


@contextmanager
def _without_outer_job() -> Iterator[None]:
    """Hide the variables of a job that this process may be in itself: sbatch would hand them on to the new jobs."""
    hidden = {
        name: value
        for name, value in os.environ.items()
        if name in OF_A_PROCESS_GROUP or (name.startswith("SLURM_") and name not in KEPT)
    }
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _leave(runs: Sequence[Run], folder: Path, cancel_jobs: bool) -> None:
    """Say what becomes of the jobs when nobody waits for them any more."""
    jobs = [run.job for run in runs if run.job and not run.ended]
    if not jobs:
        return
    if cancel_jobs:
        cancel(jobs)
        log.info("Cancelled %d jobs (hydra.launcher.cancel_on_interrupt=true)", len(jobs))
        return
    log.info(
        "Stopped waiting. %d jobs go on in SLURM (hydra.launcher.cancel_on_interrupt=true would cancel them).\n"
        "  their state: squeue --me\n  to cancel them: %s\n  their results later: python -m zero_dce.review report %s",
        *(len(jobs), " ".join(cancel_command(jobs)), folder),
    )
