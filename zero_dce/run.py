"""A run's folder: what is checked before, recorded around and written after the training."""

from __future__ import annotations

import gc
import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import lightning as L
import torch
from hydra.errors import InstantiationException
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from zero_dce.callbacks.checkpoints import LAST
from zero_dce.checks import check_number
from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.data.split import Split
from zero_dce.hardware import peak_memory_mb, reset_peak_memory
from zero_dce.loggers.connection import check_connection
from zero_dce.loggers.metrics_file import MetricsFile
from zero_dce.loggers.step_wandb import StepWandbLogger
from zero_dce.records import (
    ENVIRONMENT,
    RESULT,
    describe_environment,
    is_first_process,
    read_json,
    resume_command,
    write_json,
)
from zero_dce.sweep import run_name

log = logging.getLogger(__name__)
MANIFEST = "split.json"
FALLBACKS = ("stop", "offline")
# Name, smallest value, whole numbers only: what the Trainer does not check, or not in the user's words.
TRAINER_NUMBERS = (
    ("seed", 0, True),
    ("trainer.max_steps", -1, True),  # without a limit, as with trainer.max_epochs
    ("trainer.accumulate_grad_batches", 1, True),
    ("trainer.log_every_n_steps", 0, True),
    ("trainer.gradient_clip_val", 0, False),
)


class Result:
    """What ``result.json`` will say; the training fills it in."""

    def __init__(self) -> None:
        self.timer = Timer()
        self.trainer: L.Trainer | None = None

    def measures(self) -> dict[str, float]:
        """The last validation's measures, and the last logged training losses."""
        if self.trainer is None:
            return {}
        return {
            name: float(value)
            for name, value in sorted(self.trainer.callback_metrics.items())
            if name.startswith(("val/", "train/"))
        }

    def training_times(self) -> dict[str, float | None]:
        """When training began and ended, in seconds since 1970; validation and pictures lie in between."""
        offset = time.time() - time.monotonic()
        times = {"training_began": self.timer.start_time("train"), "training_ended": self.timer.end_time("train")}
        return {name: None if moment is None else moment + offset for name, moment in times.items()}


def check_run(config: DictConfig, run: Path) -> None:
    """Refuse what cannot work before anything is written, and say first what data this is.

    Raises:
        ValueError: if a number of the Trainer is out of its range, a folder is given for the embedded sample, or the
            run's folder already holds a run.
    """
    for name, least, whole in TRAINER_NUMBERS:
        value = OmegaConf.select(config, name)
        if value is not None:
            check_number(name, value, least, whole=whole)
    if not is_first_process():
        return
    if config.data.source.startswith("embedded"):
        if config.data.root is not None:
            raise ValueError(
                f"data.root={config.data.root} is given, but data=sample has none: add data=sice or data=folder"
            )
        log.warning(
            "Embedded sample data: these are NOT SICE results (for SICE set SICE_ROOT, or data=sice data.root=DIR)"
        )
    if config.resume is None and (run / ENVIRONMENT).exists():
        way_out = f", or continue it with resume={run}" if (run / "checkpoints" / LAST).exists() else ""
        raise ValueError(f"{run} already holds a run: choose another hydra.run.dir{way_out}")


def check_online(config: DictConfig) -> None:
    """Before a run that logs online, see whether it can; go on offline where ``logger.fallback`` says so.

    Raises:
        ConnectionError: if there is no key or no network, and no fallback.
        ValueError: if ``logger.fallback`` is unknown.
    """
    fallback, wandb = (OmegaConf.select(config, f"logger.{name}") for name in ("fallback", "wandb"))
    if fallback is None or not is_first_process():
        return
    if fallback not in FALLBACKS:
        raise ValueError(f"logger.fallback is {fallback!r}; expected one of {', '.join(FALLBACKS)}")
    try:
        check_connection()
    except ConnectionError as error:
        if fallback == "stop":
            raise ConnectionError(f"{error}. logger=wandb_online logger.fallback=offline trains without it") from error
        log.warning("Training goes on with W&B OFFLINE (logger.fallback=offline): %s", error)
        wandb.mode = "offline"
        wandb.tags = [*wandb.tags, "offline fallback"]


def check_single_process(trainer: L.Trainer, in_sweep: bool) -> None:
    """Refuse several processes inside a sweep, before any is started.

    Raises:
        ValueError: if a sweep asks for several processes a run.
    """
    count = trainer.num_devices * trainer.num_nodes
    if in_sweep and count > 1:
        raise ValueError(
            f"a run of {count} processes does not work inside a sweep: each process would start the whole sweep again. "
            "Use trainer.devices=1, or start the runs one by one with hydra.mode=RUN"
        )


def record_data(run: Path, data: ExposureDataModule, resumed: bool) -> None:
    """Write the split and the environment into the run's folder.

    Raises:
        ValueError: if a resumed run would train on other data than before.
    """
    assert data.split is not None
    before = read_json(run / ENVIRONMENT) if resumed else None
    if before and (before["data_fingerprint"] != data.fingerprint or Split.read(run / MANIFEST) != data.split):
        raise ValueError(
            f"the images in {data.root} or their split have changed since {run} was started: resuming would "
            "train on other data. Restore them, or start a new run"
        )
    environment = describe_environment(data.fingerprint)
    if before:
        # The first one stays; a resumed part may have run elsewhere.
        environment = {**before, "resumed": [*before.get("resumed", []), environment]}
    data.split.write(run / MANIFEST)
    write_json(run / ENVIRONMENT, environment)


@contextmanager
def open_loggers(config: DictConfig, run: Path, from_step: int) -> Iterator[list[Logger]]:
    """Make metrics.csv's logger and the configured ones; close a W&B run whatever happens.

    An open W&B run would be taken over by the next run of a sweep. ``from_step`` is where a resumed run continues.
    """
    metrics = MetricsFile(str(run), from_step)
    # Beside loggers the group holds options, as fallback.
    configured = [part for part in (config.logger or {}).values() if isinstance(part, DictConfig)]
    loggers: list[Logger] = [metrics, *map(hydra.utils.instantiate, configured)]
    settings: Any = OmegaConf.to_container(config, resolve=True)
    with ExitStack() as stack:
        for logger in loggers:
            stack.push(partial(_close, logger))
            logger.log_hyperparams(settings)
            if isinstance(logger, StepWandbLogger):
                logger.replay(metrics.rows, run, until=from_step)
        yield loggers


def _close(logger: Logger, kind: type[BaseException] | None, *_: object) -> None:
    """Close one logger, as the exit callback of a stack: the others are closed even if this one cannot be."""
    failed = kind is not None
    logger.finalize("failed" if failed else "success")
    if isinstance(logger, StepWandbLogger) and is_first_process():
        logger.experiment.finish(exit_code=int(failed))


@contextmanager
def record_result(config: DictConfig, run: Path) -> Iterator[Result]:
    """Write ``result.json`` at the end, also of a run that failed or was interrupted."""
    started = time.time()
    result = Result()
    # A resumed run is unfinished again until it ends.
    earlier = read_json(run / RESULT) or {}
    if is_first_process():
        (run / RESULT).unlink(missing_ok=True)
    reset_peak_memory()
    state, error = "finished", None
    try:
        yield result
    except BaseException as exception:
        # Ctrl-C arrives as SystemExit from within the Trainer.
        state = "interrupted" if isinstance(exception, KeyboardInterrupt | SystemExit) else "failed"
        error = _describe(exception) if state == "failed" else None
        raise
    finally:
        if is_first_process() and run.is_dir():
            content = {
                "state": state,
                "error": error,
                "name": run_name(run),
                "weights": OmegaConf.to_container(config.loss.weights),
                "seed": config.seed,
                "last_step": result.trainer.global_step if result.trainer else 0,
                "measures": result.measures(),
                **result.training_times(),
                "wall_time_s": earlier.get("wall_time_s", 0) + time.time() - started,
                "peak_memory_mb": peak_memory_mb(),
            }
            _write_result(run / RESULT, content, in_error=error is not None)


def _write_result(file: Path, content: dict[str, Any], in_error: bool) -> None:
    """Write ``result.json``; where that fails too, the first error is the one to show."""
    try:
        write_json(file, content)
    except OSError as failure:
        log.error("%s could not be written: %s", file, failure)
        if not in_error:
            raise


def _describe(exception: BaseException) -> str:
    """Name an error; Hydra wraps those from making an object in one of its own."""
    wrapped = exception.__cause__ if isinstance(exception, InstantiationException) else None
    error = wrapped or exception
    return f"{type(error).__name__}: {error}"


def measure(trainer: L.Trainer, model: L.LightningModule, data: ExposureDataModule) -> None:
    """Validate and show the sample pictures without training: for weights that came from elsewhere.

    Raises:
        ValueError: if there is no validation side.
    """
    assert data.split is not None
    if not data.split.val:
        raise ValueError("trainer.max_steps=0 only measures, and data.val_fraction=0 leaves nothing to measure on")
    trainer.validate(model, data, verbose=False)


@contextmanager
def explain_out_of_memory(config: DictConfig) -> Iterator[None]:
    """Turn PyTorch's out-of-memory error into one that says how to go on.

    Raises:
        MemoryError: instead of PyTorch's error.
    """
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        batch, accumulate = int(config.data.batch_size), int(config.trainer.accumulate_grad_batches)
        halve = (
            f"The same steps in half the memory: data.batch_size={batch // 2} "
            f"trainer.accumulate_grad_batches={2 * accumulate}. "
        )
        raise MemoryError(
            f"data.batch_size={batch} at data.size={config.data.size} does not fit in memory. "
            f"{halve if batch > 1 else ''}Smaller pictures (data.size) and trainer.precision=bf16-mixed need less too. "
            "Checkpoints written so far are kept"
        ) from error


def release_memory(error: BaseException) -> None:
    """Let go of a failed run's tensors: Hydra keeps its exception, and with it all frames, until the sweep's end."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def next_steps(run: Path, step: int) -> str:
    """Say where the results of a finished run are and what to do next."""
    lines = [
        f"\nResults: {run}",
        f"  pictures per step: {run / 'samples'}",
        f"  losses and measures: {run / 'metrics.csv'}",
    ]
    if step:
        lines.append(f"  checkpoints: {run / 'checkpoints'}")
    if (run.parent / "wandb").is_dir():
        lines.append(f"  to the W&B dashboard: python -m wandb sync {run.parent / 'wandb'}/offline-run-*")
    if step:
        lines.append(f"Next, train on: {resume_command(run, 2 * step)}")
    return "\n".join(lines)
