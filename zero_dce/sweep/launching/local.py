"""Sweeps on one machine: runs in this process, or several at a time in fresh ones."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, configure_log, filter_overrides, run_job, setup_globals
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, open_dict

from hydra_plugins.zero_dce.sweep_overview import SweepOverview
from zero_dce.files import ensure_folder, sole_owner
from zero_dce.hardware import gpu_is_lost
from zero_dce.sweep.launching.job import SweepRun, hydra_settings, select_runs
from zero_dce.sweep.launching.layout import Placement, lay_out
from zero_dce.sweep.launching.pool import Pool
from zero_dce.terminal import plain_text
from zero_dce.train.ending import describe_failure

if TYPE_CHECKING:
    from hydra_plugins.zero_dce.local_launcher import LocalLauncher
    from zero_dce.sweep.overview import SweepProgress

log = logging.getLogger(__name__)


def launch_local(launcher: LocalLauncher, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Carry out the runs of a sweep and return what became of each, in their order.

    Raises:
        CompactHydraException: if devices and slots do not go together, or another process runs one of the runs.
    """
    config = launcher.config
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    try:
        return _launch(launcher, job_overrides, first)
    except ValueError as error:
        raise CompactHydraException(describe_failure(error)) from error
    except KeyboardInterrupt:
        # Lightning ends a run this way too: without a traceback, and the sweep's table is still printed.
        sys.exit(128 + signal.SIGINT)


def _launch(launcher: LocalLauncher, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    config = launcher.config
    runs, left = select_runs(config, job_overrides, first, launcher.retry_failed)
    accelerator, slots = config.trainer.accelerator, launcher.slots
    devices, share = launcher.devices_per_run, launcher.runs_per_gpu
    placement = lay_out(left, lambda line: _compose(launcher, line), accelerator, slots, devices, share)
    returns = {}
    with Pool(placement, hydra_settings(config), _progress(launcher)) as pool:
        for run in left:
            log.info("\t#%d : %s", run.number, plain_text(" ".join(filter_overrides(run.overrides))))
            if placement.in_this_process(run) and _can_train_here():
                # The run before this one may have several processes, which must not run beside it.
                pool.drain()
                returns[run.number] = _run_here(launcher, run, placement)
            else:
                pool.start(run)
        pool.drain()
        pool.log_overhead()
    return [returns.get(run.number) or run.job_return() for run in runs]


def _can_train_here() -> bool:
    """Tell whether this process can still train: on a GPU that an earlier run's error has cost it, it cannot."""
    if not gpu_is_lost():
        return True
    log.warning("The GPU answers this process no more, after the error of a run: the next run gets a fresh process")
    return False


def _progress(launcher: LocalLauncher) -> SweepProgress | None:
    """Return the sweep's progress from the callback that began it."""
    callbacks = launcher.hydra_context.callbacks.callbacks
    return next((callback.progress for callback in callbacks if isinstance(callback, SweepOverview)), None)


def _run_here(launcher: LocalLauncher, run: SweepRun, placement: Placement) -> JobReturn:
    """Carry out a run as Hydra's own launcher does."""
    config = _compose(launcher, [*run.overrides, *placement.overrides, *run.resume_overrides()])
    with open_dict(config):
        config.hydra.job.id, config.hydra.job.num = str(run.number), run.number
        config.hydra.sweep.subdir = os.path.relpath(run.folder, Path(config.hydra.sweep.dir).resolve())
    ensure_folder(run.folder)
    with sole_owner(run.folder):
        ended = run_job(
            hydra_context=launcher.hydra_context,
            task_function=launcher.task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    configure_log(launcher.config.hydra.hydra_logging, launcher.config.hydra.verbose)
    # Nobody reads them, and they take most of a megabyte: of a thousand runs, more than the training.
    ended.cfg = ended.hydra_cfg = None
    return ended


def _compose(launcher: LocalLauncher, overrides: Sequence[str]) -> DictConfig:
    return launcher.hydra_context.config_loader.load_sweep_config(launcher.config, list(overrides))
