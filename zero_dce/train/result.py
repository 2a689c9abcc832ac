"""What is recorded around a training: result.json, the split, the environment, and what the loggers get."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import hydra
import lightning as L
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.data.split import Split
from zero_dce.files import make_durable, write_json
from zero_dce.hardware import (
    fastest_layout,
    gpu_is_lost,
    peak_memory_mb,
    reset_peak_memory,
    resolve_accelerator,
)
from zero_dce.records.environment import describe_environment
from zero_dce.records.run import (
    CHECKPOINTS,
    ENVIRONMENT,
    HYDRA,
    MANIFEST,
    METRICS,
    RESULT,
    RESUMED,
    SAMPLES,
    last_values,
    read_environment,
    read_result,
    read_rows,
    sync_command,
)
from zero_dce.records.sweep import run_name, runs_folder
from zero_dce.train.callbacks.washout import GO_ON_FADING, WashOutAlarm, mark_of
from zero_dce.train.continuing import resume_command
from zero_dce.train.ending import describe_failure
from zero_dce.train.loggers import add_tag, configured_loggers
from zero_dce.train.loggers.metrics_file import MetricsFile
from zero_dce.train.loggers.tracker import Tracker
from zero_dce.train.rank import is_first_process
from zero_dce.train.resuming import ends_as_pictures_fade

log = logging.getLogger(__name__)
# Launchers end all processes of a run once one has failed, so the others give the first one time to write its result.
HEAD_START_S = 5.0
# What Hydra writes of a run's configuration.
CONFIGURATION = ("config.yaml", "hydra.yaml", "overrides.yaml")


class RunResult:
    """What ``result.json`` says of a run; the training fills it in."""

    def __init__(self, config: DictConfig, run: Path) -> None:
        self.config, self.run, self.started = config, run, time.time()
        self.timer = Timer()
        self.trainer: L.Trainer | None = None
        self.state = "finished"
        self.error: str | None = None
        # The last step, the measures and the alarm's mark, if the run had ended before.
        self.ended: tuple[int, dict[str, float], dict[str, float] | None] | None = None
        # Earlier parts of a resumed run took this long.
        self.earlier_s = (read_result(run) or {}).get("wall_time_s", 0)

    def begin(self, trainer: L.Trainer) -> None:
        """Count the run as unfinished, also one that had ended before and is resumed now."""
        self.trainer = trainer
        if is_first_process():
            (self.run / RESULT).unlink(missing_ok=True)
            make_durable(self.run)

    def write(self) -> None:
        """Write ``result.json``; an error of the training is shown rather than one of writing."""
        last_step, measures = self._measured()
        content = {
            "state": self.state,
            "error": self.error,
            "name": run_name(self.run),
            "weights": OmegaConf.to_container(self.config.loss.weights),
            "seed": self.config.seed,
            "last_step": last_step,
            "measures": measures,
            "washout": self._washout(),
            **self._training_times(),
            "wall_time_s": self.earlier_s + time.time() - self.started,
            "peak_memory_mb": peak_memory_mb(),
        }
        try:
            write_json(self.run / RESULT, content)
        except OSError as failure:
            log.error("%s could not be written: %s", self.run / RESULT, failure)
            if self.error is None:
                raise

    def _measured(self) -> tuple[int, dict[str, float]]:
        """The last step; the last validation's measures and the last logged training losses."""
        if self.ended is not None:
            return self.ended[:2]
        if self.trainer is None:
            return 0, {}
        if gpu_is_lost():
            # The latest values are on it; those before are on disk.
            return self.trainer.global_step, last_values(read_rows(self.run))
        logged = sorted(self.trainer.callback_metrics.items())
        measures = {name: float(value) for name, value in logged if name.startswith(("val/", "train/"))}
        return self.trainer.global_step, measures

    def _washout(self) -> dict[str, float] | None:
        """From which step pictures faded, where they did."""
        if self.ended is not None:
            return self.ended[2]
        callbacks = self.trainer.callbacks if self.trainer else []  # type: ignore[attr-defined]
        return next((callback.mark for callback in callbacks if isinstance(callback, WashOutAlarm)), None)

    def _training_times(self) -> dict[str, float | None]:
        """When training began and ended, in seconds since 1970; validation and pictures lie in between."""
        offset = time.time() - time.monotonic()
        times = {"training_began": self.timer.start_time("train"), "training_ended": self.timer.end_time("train")}
        return {name: None if moment is None else moment + offset for name, moment in times.items()}


def record_data(run: Path, data: ExposureDataModule, config: DictConfig, resumed: bool) -> None:
    """Write the split and the environment into the run's folder.

    Raises:
        ValueError: if a resumed run would train on other data than before.
    """
    assert data.split is not None
    before = read_environment(run) if resumed else None
    if before and (before["data_fingerprint"] != data.fingerprint or Split.read(run / MANIFEST) != data.split):
        raise ValueError(
            f"the images in {data.root} or their split have changed since {run} was started: resuming would "
            "train on other data. Restore them, or start a new run"
        )
    accelerator = resolve_accelerator(config.trainer.accelerator)
    layout = fastest_layout(config.model.network, accelerator, str(config.trainer.precision))
    environment = {**describe_environment(data.fingerprint), "layout": layout}
    # Those of the Hub or of W&B are pinned to a revision by now. A resumed part goes on from its own checkpoint.
    environment["started_from"] = None if resumed else config.model.weights
    if before:
        # The first environment stays, as a resumed part may run elsewhere.
        environment = {**before, "resumed": [*before.get("resumed", []), environment]}
    else:
        data.split.write(run / MANIFEST, counts_before=data.counts_before, left_out=data.left_out)
    write_json(run / ENVIRONMENT, environment)
    _take_configuration(run)
    # Hydra made the folders.
    make_durable(run, *_above(run))


def _above(folder: Path) -> Iterator[Path]:
    """Yield the folders above one, up to where its file system begins."""
    for place in folder.resolve().parents:
        yield place
        # Python 3.11 has no Path.is_mount on Windows.
        if os.path.ismount(place):
            return


def record_cache(config: DictConfig, data: ExposureDataModule) -> None:
    """Say in the run's configuration and in its trackers' tags that the cache could not be written."""
    if data.cache_place != config.data.cache:
        config.data.cache = data.cache_place
        add_tag(config, "without cache")


def _take_configuration(run: Path) -> None:
    """Replace the configuration of a resumed run, which is not refused any more, by its new one."""
    if not (run / RESUMED).is_dir():
        return
    for name in CONFIGURATION:
        if (run / RESUMED / name).is_file():
            os.replace(run / RESUMED / name, run / HYDRA / name)
    make_durable(run / HYDRA)
    # Hydra itself has written nothing else.
    shutil.rmtree(run / RESUMED)


@contextmanager
def open_loggers(config: DictConfig, run: Path, from_step: int) -> Iterator[list[Logger]]:
    """Make metrics.csv's logger and the configured ones; close each whatever happens.

    An open W&B run would be taken over by the next run of a sweep. ``from_step`` is where a resumed run continues.
    """
    metrics = MetricsFile(str(run), from_step)
    loggers: list[Logger] = [metrics, *map(hydra.utils.instantiate, configured_loggers(config).values())]
    settings: Any = OmegaConf.to_container(config, resolve=True)
    with ExitStack() as stack:
        for logger in loggers:
            stack.push(partial(_close, logger))
            logger.log_hyperparams(settings)
            if isinstance(logger, Tracker):
                logger.replay(metrics.rows, run, until=from_step)
        yield loggers


def _close(logger: Logger, kind: type[BaseException] | None, *_: object) -> None:
    """Close one logger, as the exit callback of a stack: the others are closed even if this one cannot be."""
    logger.finalize("success" if kind is None else "failed")
    if isinstance(logger, Tracker) and is_first_process():
        logger.close(state_after(kind))


def state_after(kind: type[BaseException] | None) -> str:
    """Return the state of a run that ended with an exception of this kind, or without one."""
    if kind is None:
        return "finished"
    # The Trainer turns Ctrl-C into SystemExit.
    return "interrupted" if issubclass(kind, KeyboardInterrupt | SystemExit) else "failed"


@contextmanager
def record_result(config: DictConfig, run: Path) -> Iterator[RunResult]:
    """Write ``result.json`` at the end, also of a run that failed or was interrupted."""
    result = RunResult(config, run)
    reset_peak_memory()
    try:
        with _noting_failure(result):
            yield result
    finally:
        # A run whose resuming was refused stays as it was.
        if not is_first_process():
            time.sleep(HEAD_START_S if result.state == "failed" else 0)
        elif run.is_dir() and (result.trainer or config.resume is None):
            result.write()


@contextmanager
def _noting_failure(result: RunResult) -> Iterator[None]:
    try:
        yield
    except BaseException as exception:
        result.state = state_after(type(exception))
        result.error = None if result.state == "interrupted" else _describe(exception)
        raise


def record_ended(config: DictConfig, run: Path, step: int) -> None:
    """Write the result of a run that has its last checkpoint, of ``step``, but was stopped before that.

    Its trackers get what they lack. All of it is in ``metrics.csv`` and the sample pictures. Where one of them fails,
    the result has all measures and says so, and resumed once more the run sends the rest.
    """
    if not is_first_process():
        return
    rows = read_rows(run)
    result = RunResult(config, run)
    result.ended = (step, last_values(rows), mark_of(config, rows))
    try:
        with _noting_failure(result), open_loggers(config, run, step):
            pass
    finally:
        # Once there is a result nobody comes back for it.
        _take_configuration(run)
        result.write()


def _describe(exception: BaseException) -> str:
    """Say what went wrong; of an error that only a traceback explains, also its class."""
    return describe_failure(exception) or f"{type(exception).__name__}: {exception}"


def next_steps(config: DictConfig, run: Path, step: int) -> str:
    """Say where the results of a finished run are and what to do next."""
    lines = [
        f"\nResults: {run}",
        f"  pictures per step: {run / SAMPLES}",
        f"  losses and measures: {run / METRICS}",
    ]
    if step:
        lines.append(f"  checkpoints: {run / CHECKPOINTS}")
    sync = sync_command(runs_folder(run))
    if sync:
        lines.append(f"  to the W&B dashboard: {sync}")
    if step:
        needed = f" {GO_ON_FADING}" if ends_as_pictures_fade(config, run, step) else ""
        lines.append(f"Next, train on: {resume_command(run, 2 * step)}{needed}")
    return "\n".join(lines)
