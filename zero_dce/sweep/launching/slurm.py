"""Sweeps on a SLURM cluster: the resources that a run needs, and the submission of all runs as jobs.

submitit writes the job scripts, but this package waits for the jobs itself: submitit's waiting ends with the first dead
job, and without SLURM's accounting it never does. See :mod:`zero_dce.sweep.launching.slurm_wait`.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from zero_dce.files import ensure_folder, read_object, write_json
from zero_dce.records.run import RESULT, result_time
from zero_dce.records.sweep import SLURM_JOBS, point_name, read_plan
from zero_dce.signals import Interrupted, hold_signals
from zero_dce.sweep.launching.environment import is_launchers
from zero_dce.sweep.launching.job import SweepRun, hydra_settings, select_runs
from zero_dce.sweep.launching.layout import compose_trainers
from zero_dce.sweep.launching.slurm_queue import cancel, cancel_command, most_in_array, read_queue, why_no_accounting
from zero_dce.sweep.launching.slurm_task import RunTask
from zero_dce.sweep.launching.slurm_wait import Submitted, wait_for
from zero_dce.train.configuration import GIVEN_VARIABLE
from zero_dce.train.continuing import given_words, resume_command

if TYPE_CHECKING:
    from hydra_plugins.zero_dce.slurm_launcher import SlurmLauncher

log = logging.getLogger(__name__)
# submitit requeues a job at most so often before training has begun, when there is no progress to save yet.
MOST_EARLY_REQUEUES = 20
# Options of hydra.launcher that submitit has under the same name, and those that it has with slurm_ before the name.
SAME_OPTIONS = ("name", "timeout_min", "cpus_per_task", "mem_gb")
SLURM_OPTIONS = ("partition", "account", "qos", "constraint", "array_parallelism", "signal_delay_s")


@dataclass(frozen=True)
class Resources:
    """What a run's job asks for; jobs that ask for the same are one array, or as few as the cluster allows."""

    nodes: int
    tasks_per_node: int
    gpus_per_node: int

    @classmethod
    def of(cls, trainer: Any) -> Resources:
        """Return what a run needs, by its trainer's configuration and not by this machine's devices.

        Raises:
            ValueError: if the devices or the nodes are not given as a number.
        """
        devices = _count(trainer, "devices")
        return cls(_count(trainer, "num_nodes"), devices, 0 if trainer.accelerator == "cpu" else devices)


def launch_slurm(launcher: SlurmLauncher, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Submit the runs of a sweep, wait for them, and return what became of each, in their order.

    Raises:
        CompactHydraException: if they cannot be submitted; then none is left in the queue but those of before.
        SystemExit: if the waiting is interrupted; the jobs go on, unless they are to be cancelled then.
    """
    settings, folder = launcher.settings, Path(launcher.config.hydra.sweep.dir).resolve()
    runs, left = select_runs(launcher.config, job_overrides, first, settings["retry_failed"])
    reason = why_no_accounting()
    if reason:
        log.info("Waiting goes by squeue and result.json; why a job died is known for some minutes only (%s)", reason)
    submitted: list[Submitted] = []
    try:
        try:
            _submit(launcher, folder, left, submitted)
        except (ValueError, RuntimeError, ConnectionError) as error:
            rest = _take_back([submission.job_id for submission in submitted if not submission.earlier])
            raise CompactHydraException(f"The sweep was not submitted: {error}{rest}") from error
        wait_for(submitted, accounting=reason is None)
    except (KeyboardInterrupt, Interrupted) as stop:
        job_ids = [submission.job_id for submission in submitted if not submission.ended]
        _stop_waiting(job_ids, folder, settings["cancel_on_interrupt"], given_words(launcher.config.hydra))
        if isinstance(stop, Interrupted):
            stop.told = bool(job_ids)
        sys.exit(stop.code if isinstance(stop, Interrupted) else 128 + signal.SIGINT)
    return [run.job_return() for run in runs]


def _submit(launcher: SlurmLauncher, folder: Path, runs: Sequence[SweepRun], submitted: list[Submitted]) -> None:
    """Submit each run, unless an earlier job of it is still in the queue: then that one is waited for."""
    job_ids: dict[str, str] = read_object(folder / SLURM_JOBS, {str: str}) or {}
    queue = read_queue() if job_ids else {}
    left = []
    for run in runs:
        known = job_ids.get(str(run.number), "")
        if known in queue and not queue[known].ended:
            submitted.append(Submitted(run, known, _log_file(launcher.settings, known), earlier=True))
            log.info("Run %d is in the queue already", run.number)
        else:
            left.append(run)
    for resources, members in _in_arrays(_by_resources(launcher, left)):
        for run in members:
            # The result of a failed run that is tried again: a process that waits for the new job later must not read
            # it as that job's.
            (run.folder / RESULT).unlink(missing_ok=True)
        # A job whose id was not written down does not train, and is submitted once more.
        with hold_signals((signal.SIGINT, signal.SIGTERM, signal.SIGHUP)):
            for submission in _submit_array(launcher, resources, members):
                submitted.append(submission)
                job_ids[str(submission.run.number)] = submission.job_id
            write_json(folder / SLURM_JOBS, job_ids)
    swept = read_plan(folder)["swept"]
    for submission in submitted:
        point = point_name(submission.run.overrides, swept)
        log.info("Run %d is job %s: %s", submission.run.number, submission.job_id, point)


def _take_back(job_ids: Sequence[str]) -> str:
    """Cancel the jobs of a sweep of which others were refused; say which are left where SLURM does not answer."""
    try:
        if job_ids:
            cancel(job_ids)
    except ConnectionError as error:
        return (
            f"\n{len(job_ids)} jobs of it are in SLURM ({error}); to cancel them: {' '.join(cancel_command(job_ids))}"
        )
    return ""


def _by_resources(launcher: SlurmLauncher, runs: Sequence[SweepRun]) -> dict[Resources, list[SweepRun]]:
    """Return the runs by what they need."""
    loader = launcher.hydra_context.config_loader
    grouped: dict[Resources, list[SweepRun]] = {}
    for run, trainer in compose_trainers(runs, lambda line: loader.load_sweep_config(launcher.config, list(line))):
        grouped.setdefault(Resources.of(trainer), []).append(run)
    return grouped


def _in_arrays(
    grouped: Mapping[Resources, Sequence[SweepRun]],
) -> Iterator[tuple[Resources, Sequence[SweepRun]]]:
    """Yield the runs of each array: those that need the same, and no more than the cluster takes at once."""
    most = most_in_array() if grouped else 1
    for resources, runs in grouped.items():
        for first in range(0, len(runs), most):
            yield resources, runs[first : first + most]


def _submit_array(launcher: SlurmLauncher, resources: Resources, runs: Sequence[SweepRun]) -> list[Submitted]:
    executor = make_executor(launcher.settings, resources)
    settings = hydra_settings(launcher.config)
    # Some clusters hand no variables on to jobs.
    given = os.environ.get(GIVEN_VARIABLE)
    arguments = [(run.number, list(run.overrides), str(run.folder), settings, given) for run in runs]
    stale = [result_time(run.folder) for run in runs]
    with _without_outer_job():
        jobs = executor.map_array(RunTask(), *zip(*arguments, strict=True))
    return [Submitted(run, job.job_id, job.paths.stdout, old) for run, job, old in zip(runs, jobs, stale, strict=True)]


def make_executor(settings: dict[str, Any], resources: Resources) -> Any:
    """Return submitit's executor for jobs that need the same resources; ``settings`` are those of SlurmLauncher.

    Raises:
        ValueError: if an option would be more than one line of a job's script.
    """
    import submitit

    for name in (*SAME_OPTIONS, *SLURM_OPTIONS, "submitit_folder"):
        if not str(settings[name]).isprintable():
            raise ValueError(f"hydra.launcher.{name} is {settings[name]!r}; expected no line breaks in it")
    # In a folder of its own: a job executes what lies in it, which somebody else may have put there before.
    place = Path(settings["submitit_folder"])
    folder = place.parent / uuid.uuid4().hex / place.name
    ensure_folder(folder.parent)
    executor = submitit.AutoExecutor(folder=folder, cluster="slurm", slurm_max_num_timeout=MOST_EARLY_REQUEUES)
    # A process that fails ends the others too, which would wait for it.
    srun = ["--kill-on-bad-exit=1"]
    if settings["cpus_per_task"] is not None:
        # srun does not take over sbatch's number of CPUs.
        srun.append(f"--cpus-per-task={settings['cpus_per_task']}")
    parameters = {
        **{name: settings[name] for name in SAME_OPTIONS},
        **{f"slurm_{name}": settings[name] for name in SLURM_OPTIONS},
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


def _log_file(settings: dict[str, Any], job_id: str) -> Path:
    from submitit.core.utils import JobPaths

    place = Path(settings["submitit_folder"])
    folders = [folder for folder in place.parent.glob("*") if folder.is_dir()] or [place.parent]
    files = [Path(JobPaths(folder / place.name, job_id=job_id).stdout) for folder in folders]
    return next((file for file in files if file.exists()), files[0])


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
    """Hide the variables of a job that this process may run in: sbatch would hand them on to the new jobs."""
    hidden = {name: value for name, value in os.environ.items() if is_launchers(name)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _stop_waiting(job_ids: Sequence[str], folder: Path, cancel_jobs: bool, given: Sequence[str]) -> None:
    """Cancel the jobs or leave them in SLURM, and log which, when nobody waits for them any more."""
    if not job_ids:
        return
    if not cancel_jobs:
        lines = [
            f"Stopped waiting; {len(job_ids)} jobs go on in SLURM (hydra.launcher.cancel_on_interrupt=true cancels "
            "them)",
            "  what they do: squeue --me",
            f"  to cancel them: {' '.join(cancel_command(job_ids))}",
            f"  their results later: {shlex.join(['python', '-m', 'zero_dce.review', 'report', str(folder)])}",
            f"  to wait for them again: {resume_command(folder, given=given)}",
        ]
        log.info("\n".join(lines))
        return
    try:
        cancel(job_ids)
    except ConnectionError as error:
        log.error("The jobs could not be cancelled (%s): %s", error, " ".join(cancel_command(job_ids)))
    else:
        log.info("Cancelled %d jobs (hydra.launcher.cancel_on_interrupt=true)", len(job_ids))
