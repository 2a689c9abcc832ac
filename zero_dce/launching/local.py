"""Sweeps on one machine: runs in this process, or several at a time in fresh ones."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, configure_log, filter_overrides, run_job, setup_globals
from omegaconf import DictConfig, open_dict

from zero_dce.launching.job import Job, hydra_settings, jobs_to_run
from zero_dce.launching.layout import Layout, lay_out
from zero_dce.launching.pool import Pool

if TYPE_CHECKING:
    from hydra_plugins.zero_dce.local_launcher import LocalLauncher

log = logging.getLogger(__name__)


def launch(launcher: LocalLauncher, job_overrides: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Run the jobs of a sweep and return what became of each, in their order.

    Raises:
        ValueError: if devices and slots do not go together.
    """
    config = launcher.config
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    jobs, waiting = jobs_to_run(config, job_overrides, first, launcher.retry_failed)
    accelerator, slots = config.trainer.accelerator, launcher.slots
    layout = lay_out(waiting, lambda line: _compose(launcher, line), accelerator, slots, launcher.devices_per_run)
    returns = {}
    try:
        with Pool(layout, hydra_settings(config)) as pool:
            for job in waiting:
                log.info("\t#%d : %s", job.number, " ".join(filter_overrides(job.overrides)))
                if layout.in_this_process(job):
                    # The run before may be one of several processes.
                    pool.drain()
                    returns[job.number] = _run_here(launcher, job, layout)
                else:
                    pool.start(job)
            pool.drain()
            pool.describe()
    except KeyboardInterrupt:
        # As Lightning does: no traceback, and the sweep's table is still printed.
        sys.exit(128 + signal.SIGINT)
    return [returns.get(job.number) or job.ended() for job in jobs]


def _run_here(launcher: LocalLauncher, job: Job, layout: Layout) -> JobReturn:
    """Run a job as Hydra's own launcher does."""
    config = _compose(launcher, [*job.overrides, *layout.overrides, *job.resume_overrides()])
    with open_dict(config):
        config.hydra.job.id = config.hydra.job.num = job.number
    ended = run_job(
        hydra_context=launcher.hydra_context,
        task_function=launcher.task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    configure_log(launcher.config.hydra.hydra_logging, launcher.config.hydra.verbose)
    return ended


def _compose(launcher: LocalLauncher, overrides: Sequence[str]) -> DictConfig:
    return launcher.hydra_context.config_loader.load_sweep_config(launcher.config, list(overrides))
