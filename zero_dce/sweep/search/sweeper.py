"""The loop of a search: ask the study for trials, launch their runs, tell it their outcomes."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf

from zero_dce.files import write_file
from zero_dce.records.run import RESULT
from zero_dce.sweep.launching.layout import expected_slots
from zero_dce.sweep.search.plan import lock_folder, open_plan, read_search
from zero_dce.sweep.search.study import Study
from zero_dce.sweep.search.workers import Worker
from zero_dce.train.ending import describe_failure

log = logging.getLogger(__name__)
# A search learns from the runs that have ended. A cluster could run all of them at once, but then each would be random.
MOST_QUEUED = 8


def run_search(sweeper: Sweeper) -> None:
    """Carry out a search, or this worker's part of it, as its sweeper was set up for it.

    Raises:
        CompactHydraException: if the search cannot work; Hydra prints only its message.
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
            study = Study(folder, search, worker, config.hydra.launcher.get("retry_failed", False))
            _save_configuration(config, folder)
            failed = _ask_and_tell(launcher, study, search.batch_size or _runs_at_once(config))
    except (ValueError, ModuleNotFoundError) as error:
        raise CompactHydraException(str(error)) from error
    if failed:
        # The table, which is printed afterwards, names the runs with their errors.
        sys.exit(f"Without values for the search: {', '.join(f'run {run}' for run in failed)}")


def _ask_and_tell(launcher: Launcher, study: Study, most: int) -> list[int]:
    """Carry out trials until the study has enough of them; return the numbers of the runs that failed."""
    failed = []
    while trials := study.ask(most):
        # A launcher lets a run that a dead worker left unfinished go on from its last checkpoint.
        ended = launcher.launch([trial.overrides for trial in trials], initial_job_idx=trials[0].run)
        # Before the study is told, which a full disk may prevent.
        for trial, job in zip(trials, ended, strict=True):
            if not (study.folder / str(trial.run) / RESULT).exists():
                _log_error(trial.run, job)
        for trial in trials:
            outcome = study.tell(trial)
            if outcome.values is None and not outcome.faded:
                failed.append(trial.run)
    return failed


def _log_error(run: int, job: JobReturn) -> None:
    """Log why a run failed that has no result.json, in which others have the reason."""
    try:
        _ = job.return_value
    except Exception as error:
        log.error("Run %d: %s", run, describe_failure(error) or error)


def _runs_at_once(config: DictConfig) -> int:
    """Return how many runs the launcher carries out at a time, in a queue at most ``MOST_QUEUED``."""
    if "array_parallelism" in config.hydra.launcher:
        return int(min(config.hydra.launcher.array_parallelism, MOST_QUEUED))
    return len(expected_slots(config))


def _save_configuration(config: DictConfig, folder: Path) -> None:
    """Write the sweep's configuration to the file that Hydra's own sweeper writes."""
    with lock_folder(folder):
        write_file(folder / "multirun.yaml", OmegaConf.to_yaml(config))
