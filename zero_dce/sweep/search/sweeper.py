"""The loop of a search: ask for runs, launch them, tell what became of them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf

from zero_dce.files import atomic
from zero_dce.records.run import RESULT
from zero_dce.sweep.launching.layout import expected_slots
from zero_dce.sweep.search.plan import lock_folder, open_plan, read_search
from zero_dce.sweep.search.study import Study
from zero_dce.sweep.search.workers import Worker

log = logging.getLogger(__name__)
# A search learns from runs that have ended: a cluster could run all of them at once, and they would be random ones.
MOST_QUEUED = 8


def sweep(sweeper: Sweeper) -> None:
    """Carry out a search, or this process's part of it, as its sweeper was set up for it.

    Raises:
        CompactHydraException: if the search cannot work; Hydra prints its message alone.
        SystemExit: with code 1 at the end, if runs failed.
    """
    config, launcher = sweeper.config, sweeper.launcher
    assert config is not None
    assert launcher is not None
    folder = Path(config.hydra.sweep.dir).resolve()
    try:
        search = read_search(config)
        open_plan(folder, search)
        with Worker(folder) as worker:
            study = Study(folder, search, worker)
            _save_configuration(config, folder)
            failed = _search(launcher, study, search.batch_size or _at_once(config))
    except (ValueError, ModuleNotFoundError) as error:
        raise CompactHydraException(str(error)) from error
    if failed:
        # After the table, which names them with their errors.
        sys.exit(f"Without values for the search: {', '.join(f'run {run}' for run in failed)}")


def _search(launcher: Launcher, study: Study, most: int) -> list[int]:
    """Carry out runs until the study has enough; return the numbers of those that failed."""
    failed = []
    while trials := study.ask(most):
        # A run that a worker left unfinished goes on from its last checkpoint: launchers see to that.
        ended = launcher.launch([trial.overrides for trial in trials], initial_job_idx=trials[0].run)
        for trial, job in zip(trials, ended, strict=True):
            outcome = study.tell(trial)
            if outcome.values is None and not outcome.faded:
                failed.append(trial.run)
                if not (study.folder / str(trial.run) / RESULT).exists():
                    _show_error(trial.run, job)
    return failed


def _show_error(run: int, job: JobReturn) -> None:
    """Say why a run failed that could not even begin; others have it in their result.json."""
    try:
        _ = job.return_value
    except Exception as error:
        log.error("Run %d: %s", run, error)


def _at_once(config: DictConfig) -> int:
    """Return how many runs the launcher carries out at a time, in a queue at most ``MOST_QUEUED``."""
    if "array_parallelism" in config.hydra.launcher:
        return int(min(config.hydra.launcher.array_parallelism, MOST_QUEUED))
    return len(expected_slots(config))


def _save_configuration(config: DictConfig, folder: Path) -> None:
    """Write the sweep's configuration, as Hydra's own sweeper does."""
    with lock_folder(folder), atomic(folder / "multirun.yaml") as unfinished:
        OmegaConf.save(config, unfinished)
