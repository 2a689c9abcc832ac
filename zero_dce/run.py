"""A run's folder: what is checked before, recorded around and written after the training."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
import lightning as L
import torch
from hydra.errors import InstantiationException
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.loggers import Logger, WandbLogger
from omegaconf import DictConfig, OmegaConf

from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.data.split import Split
from zero_dce.hardware import peak_memory_mb
from zero_dce.loggers import MetricsFile
from zero_dce.records import ENVIRONMENT, RESULT, describe_environment, is_first_process, read_json, write_json
from zero_dce.sweep import run_name

log = logging.getLogger(__name__)
MANIFEST = "split.json"


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


def check_run(config: DictConfig, run: Path, in_sweep: bool) -> None:
    """Refuse what cannot work before anything is written, and say first what data this is.

    Raises:
        ValueError: if the folder already holds another run, or a sweep asks for several processes a run.
    """
    if config.data.root is None and is_first_process():
        log.warning(
            "Embedded sample data: these are NOT SICE results (for SICE set SICE_ROOT, or data=sice data.root=DIR)"
        )
    if is_first_process() and config.resume is None and (run / ENVIRONMENT).exists():
        raise ValueError(f"{run} already holds a run: choose another hydra.run.dir, or continue it with resume={run}")
    single = config.trainer.devices in (1, "1", "auto") and config.trainer.get("num_nodes", 1) == 1
    if in_sweep and not single:
        raise ValueError(
            f"trainer.devices={config.trainer.devices} does not work inside a sweep: each process would start "
            "the whole sweep again. Use trainer.devices=1, or start the runs one by one with hydra.mode=RUN"
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
    data.split.write(run / MANIFEST)
    write_json(run / ENVIRONMENT, describe_environment(data.fingerprint))


@contextmanager
def open_loggers(config: DictConfig, run: Path, from_step: int) -> Iterator[list[Logger]]:
    """Make metrics.csv's logger and the configured ones; close a W&B run whatever happens.

    An open W&B run would be taken over by the next run of a sweep. ``from_step`` is where a resumed run continues.
    """
    configured = hydra.utils.instantiate(config.logger) or {}
    metrics = MetricsFile(str(run), from_step)
    loggers: list[Logger] = [metrics, *configured.values()]
    settings: Any = OmegaConf.to_container(config, resolve=True)
    failed = True
    try:
        for logger in loggers:
            logger.log_hyperparams(settings)
        yield loggers
        failed = False
    finally:
        for logger in loggers:
            logger.finalize("failed" if failed else "success")
            if isinstance(logger, WandbLogger) and is_first_process():
                logger.experiment.finish(exit_code=int(failed))


@contextmanager
def record_result(config: DictConfig, run: Path) -> Iterator[Result]:
    """Write ``result.json`` at the end, also of a run that failed or was interrupted."""
    started = time.time()
    result = Result()
    state, error = "finished", None
    try:
        yield result
    except BaseException as exception:
        # Ctrl-C arrives as SystemExit from within the Trainer.
        state = "interrupted" if isinstance(exception, KeyboardInterrupt | SystemExit) else "failed"
        error = _describe(exception)
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
                "wall_time_s": time.time() - started,
                "peak_memory_mb": peak_memory_mb(),
            }
            write_json(run / RESULT, content)


def _describe(exception: BaseException) -> str:
    """Name an error; Hydra wraps those from making an object in one of its own."""
    wrapped = exception.__cause__ if isinstance(exception, InstantiationException) else None
    error = wrapped or exception
    return f"{type(error).__name__}: {error}"


@contextmanager
def explain_out_of_memory(config: DictConfig) -> Iterator[None]:
    """Turn PyTorch's out-of-memory error into one that says how to go on.

    Raises:
        MemoryError: instead of PyTorch's error.
    """
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        batch, accumulate = int(config.data.batch_size), int(config.trainer.accumulate_grad_batches)
        raise MemoryError(
            f"data.batch_size={batch} at data.size={config.data.size} does not fit in memory. The same steps in half "
            f"the memory: data.batch_size={max(1, batch // 2)} trainer.accumulate_grad_batches={2 * accumulate}. "
            "Smaller pictures (data.size) and trainer.precision=bf16-mixed need less too. "
            "Checkpoints written so far are kept"
        ) from error


def next_steps(config: DictConfig, run: Path) -> str:
    """Say where the results of a finished run are and what to do next."""
    lines = [
        f"\nResults: {run}",
        f"  pictures per step: {run / 'samples'}",
        f"  checkpoints: {run / 'checkpoints'}",
        f"  losses and measures: {run / 'metrics.csv'}",
    ]
    if (run.parent / "wandb").is_dir():
        lines.append(f"  W&B: python -m wandb sync {run.parent / 'wandb'}/offline-run-*   (to the dashboard)")
    more = 2 * int(config.trainer.max_steps)
    lines.append(f"Next: python -m zero_dce.train resume={run} trainer.max_steps={more}   (train on)")
    return "\n".join(lines)
