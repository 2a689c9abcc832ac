"""One run, from its configuration to its result."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import hydra
import lightning as L
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.hardware import prepare_to_train
from zero_dce.records.sweep import sweep_folder
from zero_dce.signals import StopSignals
from zero_dce.terminal import tell
from zero_dce.train.callbacks.processes import ProcessCheck
from zero_dce.train.configuration import is_launched
from zero_dce.train.ending import at_end, review_run
from zero_dce.train.failures import (
    explain_full_disk,
    explain_out_of_memory,
    explain_stuck_process,
    release_memory,
)
from zero_dce.train.preflight import check_processes, check_run
from zero_dce.train.rank import is_first_process
from zero_dce.train.result import next_steps, open_loggers, record_cache, record_data, record_ended, record_result
from zero_dce.train.resuming import Start, find_start
from zero_dce.train.stopping import Interruption, requeue_when_stopped, with_cluster


def train(config: DictConfig) -> None:
    """Carry out one run in its folder.

    Raises:
        ValueError: if the configuration does not hold together.
        FileNotFoundError: if the data, or a checkpoint to resume from, is missing.
        MemoryError: if a batch does not fit; the message says how to go on.
        NonFiniteLossError: if a loss or its gradient is NaN or infinite; the message names the term and the files.
        TimeoutError: if another process of the run does not answer; the message says how to go on.
        Interrupted: if SIGTERM, SIGUSR1 or SIGUSR2 ended the run; under SLURM the last two requeue its job.
    """
    _train(config)
    # The frame of the run is gone by now, and nothing is left of it but circles.
    release_memory()


def _train(config: DictConfig) -> None:
    run, launch = Path(config.run_dir), HydraConfig.get()
    in_sweep, in_sweeps_process = is_launched(launch), launch.mode == RunMode.MULTIRUN
    # What processes compare is taken before the first one adds to the configuration what only it finds out.
    processes = ProcessCheck(config)
    check_run(config, run, in_sweep)
    start = find_start(config, run, in_sweep)
    if start.has_ended:
        _end_again(config, run, start.step, in_sweep)
        return
    with (
        StopSignals(pass_on=in_sweeps_process) as signals,
        requeue_when_stopped(run, signals, in_sweeps_process),
        explain_full_disk(run),
        record_result(config, run) as result,
        signals.obeyed(),
    ):
        data, model = _make_parts(config, start)
        configured = hydra.utils.instantiate(config.callbacks).values()
        callbacks = [result.timer, processes, *filter(None, configured), Interruption(signals)]
        _prepare(data, config, run, start)
        with (
            open_loggers(config, run, start.step) as loggers,
            explain_out_of_memory(config),
            explain_stuck_process(run),
        ):
            trainer = _make_trainer(config, callbacks, loggers)
            check_processes(trainer, processes, in_sweeps_process)
            result.begin(trainer)
            # Also of a run that fails or is stopped from here on.
            _announce_page(config, run, in_sweep)
            _fit(trainer, model, data, start)
    if is_first_process() and not in_sweep:
        tell(next_steps(config, run, trainer.global_step), flush=True)


def _end_again(config: DictConfig, run: Path, step: int, in_sweep: bool) -> None:
    """Write what a run lacks that was stopped after its last step."""
    with explain_full_disk(run):
        record_ended(config, run, step)
    _announce_page(config, run, in_sweep)
    if is_first_process() and not in_sweep:
        tell(next_steps(config, run, step), flush=True)


def _announce_page(config: DictConfig, run: Path, in_sweep: bool) -> None:
    """Have a single run's page written when the command ends, or that of the sweep of which it is trained on alone."""
    if config.report_page and not in_sweep and is_first_process():
        at_end(partial(review_run, sweep_folder(run) or run))


def _make_parts(config: DictConfig, start: Start) -> tuple[ExposureDataModule, L.LightningModule]:
    """Return the DataModule and the LightningModule, whose first weights follow from the seed."""
    prepare_to_train()
    L.seed_everything(config.seed, workers=True, verbose=False)
    data = hydra.utils.instantiate(config.data)
    # A resumed run takes its weights from its own checkpoint.
    replaced = {} if start.checkpoint is None else {"weights": None}
    return data, hydra.utils.instantiate(config.model, **replaced)


def _prepare(data: ExposureDataModule, config: DictConfig, run: Path, start: Start) -> None:
    """Read the data and record what it is."""
    data.prepare_data()
    data.setup()
    record_cache(config, data)
    if is_first_process():
        record_data(run, data, config, resumed=start.checkpoint is not None)


def _make_trainer(config: DictConfig, callbacks: Sequence[L.Callback], loggers: Sequence[Logger]) -> L.Trainer:
    parts = {"callbacks": list(callbacks), "logger": list(loggers), **with_cluster(config.trainer)}
    trainer: L.Trainer = hydra.utils.instantiate(config.trainer, **parts)
    return trainer


def _fit(trainer: L.Trainer, model: L.LightningModule, data: ExposureDataModule, start: Start) -> None:
    """Train, or with ``trainer.max_steps=0`` validate and show the sample pictures of weights from elsewhere.

    Raises:
        ValueError: if nothing is to be trained and there is no validation side.
    """
    if trainer.max_steps != 0:
        trainer.fit(model, data, ckpt_path=start.checkpoint, weights_only=True)
        return
    assert data.split is not None
    if not data.split.val:
        raise ValueError("trainer.max_steps=0 only measures, and data.val_fraction=0 leaves nothing to measure on")
    trainer.validate(model, data, verbose=False)
