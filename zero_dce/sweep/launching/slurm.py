"""Sweeps on a SLURM cluster: which resources a run needs, and submitting all runs as jobs.

By way of submitit, which writes the job scripts, but not of its waiting: that ends with the first dead job, and without
SLURM's accounting never. See :mod:`zero_dce.sweep.launching.slurm_wait`.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from zero_dce.files import read_json, write_json
from zero_dce.records.run import RESULT, result_time, resume_command
from zero_dce.records.sweep import PLAN, point_name
from zero_dce.signals import Interrupted, hold_signals
from zero_dce.sweep.launching.environment import is_outer
from zero_dce.sweep.launching.job import Job, hydra_settings, jobs_to_run
from zero_dce.sweep.launching.layout import trainer_overrides
from zero_dce.sweep.launching.slurm_queue import cancel, cancel_command, read_queue, why_no_accounting
from zero_dce.sweep.launching.slurm_task import RunTask
from zero_dce.sweep.launching.slurm_wait import Submitted, wait_for

if TYPE_CHECKING:
    from hydra_plugins.zero_dce.slurm_launcher import SlurmLauncher

log = logging.getLogger(__name__)
# In the sweep's folder: the id of each run's job.
JOBS = "slurm_jobs.json"
# Of a job that submitit's handler sends back into the queue before training has begun, where none can be saved.
MOST_EARLY_REQUEUES = 20


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
    settings, folder = launcher.settings, Path(launcher.config.hydra.sweep.dir).resolve()
    jobs, waiting = jobs_to_run(launcher.config, job_overrides, first, settings["retry_failed"])
    reason = why_no_accounting()
    if reason:
        log.info("Waiting goes by squeue and result.json; why a job died is known for some minutes only (%s)", reason)
    submitted: list[Submitted] = []
    try:
        try:
            _submit(launcher, folder, waiting, submitted)
        except (ValueError, RuntimeError, ConnectionError) as error:
            if submitted:
                cancel(job.job for job in submitted)
            raise CompactHydraException(f"The sweep was not submitted: {error}") from error
        wait_for(submitted, accounting=reason is None)
    except (KeyboardInterrupt, Interrupted) as stop:
        _leave([job.job for job in submitted if not job.ended], folder, settings["cancel_on_interrupt"])
        sys.exit(stop.code if isinstance(stop, Interrupted) else 128 + signal.SIGINT)
    return [job.ended() for job in jobs]


def _submit(launcher: SlurmLauncher, folder: Path, runs: Sequence[Job], submitted: list[Submitted]) -> None:
    """Submit each run, but for those whose job of an earlier time is in the queue still: these are waited for."""
    earlier: dict[str, str] = read_json(folder / JOBS) or {}
    queue = read_queue() if earlier else {}
    kinds: dict[Resources, list[Job]] = {}
    needed: dict[tuple[str, ...], Resources] = {}
    for run in runs:
        known = earlier.get(str(run.number), "")
        if known in queue and not queue[known].ended:
            submitted.append(Submitted(run, known, _log(launcher.settings, known)))
            log.info("Run %d is in the queue already", run.number)
            continue
        relevant = trainer_overrides(run.overrides)
        if relevant not in needed:
            # Composing takes a while, and Hydra has done it for each run already.
            config = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, list(run.overrides))
            needed[relevant] = Resources.of(config.trainer)
        kinds.setdefault(needed[relevant], []).append(run)
    for resources, members in kinds.items():
        for run in members:
            # Of a failed run that is tried again: whoever waits for its job later must not take it for the new one.
            (run.run / RESULT).unlink(missing_ok=True)
        # A job that nobody has noted would be submitted once more.
        with hold_signals((signal.SIGINT, signal.SIGTERM)):
            new = _submit_array(launcher, resources, members)
            submitted += new
            write_json(folder / JOBS, earlier := earlier | {str(job.run.number): job.job for job in new})
    swept = read_json(folder / PLAN)["swept"]
    for job in submitted:
        log.info("Run %d is job %s: %s", job.run.number, job.job, point_name(job.run.overrides, swept))


def _submit_array(launcher: SlurmLauncher, resources: Resources, runs: Sequence[Job]) -> list[Submitted]:
    executor = _executor(launcher.settings, resources)
    settings = hydra_settings(launcher.config)
    arguments = [(run.number, list(run.overrides), str(run.run), settings) for run in runs]
    stale = [result_time(run.run) for run in runs]
    with _without_outer_job():
        jobs = executor.map_array(RunTask(), *zip(*arguments, strict=True))
    return [Submitted(run, job.job_id, job.paths.stdout, old) for run, job, old in zip(runs, jobs, stale, strict=True)]


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
        raise ValueError(f"trainer.{name}={value}, but a job must say how many it needs: give a whole number from 1 on")
    return number


@contextmanager
def _without_outer_job() -> Iterator[None]:
    """Hide the variables of a job that this process may be in itself: sbatch would hand them on to the new jobs."""
    hidden = {name: value for name, value in os.environ.items() if is_outer(name)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _leave(jobs: Sequence[str], folder: Path, cancel_jobs: bool) -> None:
    """Say what becomes of the jobs when nobody waits for them any more."""
    if not jobs:
        return
    if cancel_jobs:
        try:
            cancel(jobs)
        except ConnectionError as error:
            log.error("The jobs could not be cancelled (%s): %s", error, " ".join(cancel_command(jobs)))
            return
        log.info("Cancelled %d jobs (hydra.launcher.cancel_on_interrupt=true)", len(jobs))
        return
    lines = [
        f"Stopped waiting; {len(jobs)} jobs go on in SLURM (hydra.launcher.cancel_on_interrupt=true cancels them)",
        "  what they do: squeue --me",
        f"  to cancel them: {' '.join(cancel_command(jobs))}",
        f"  their results later: {shlex.join(['python', '-m', 'zero_dce.review', 'report', str(folder)])}",
        f"  to wait for them again: {resume_command(folder)}",
    ]
    log.info("\n".join(lines))
