"""An estimate of what a run will take: its time, from what training does measured a few times, and disk."""

from __future__ import annotations

import logging
import math
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from omegaconf import DictConfig, OmegaConf

from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.hardware import prepare_to_train
from zero_dce.sweep.launching.devices import count_processes, visible_gpus
from zero_dce.train.callbacks.samples import SamplePictures
from zero_dce.train.configuration import find_targets, targets_allowed
from zero_dce.train.failures import release_memory

# Every second step logs. The first two, one of each kind, include the start-up, and the last one has no end.
LOG_EVERY, TIMED_FROM, MEASURED_STEPS = 2, 2, 7
TIMED_FILES = 3
# The size of the sample pictures as PNG, as a share of their raw pixels. Curve maps are smooth: 0.13 with the released
# weights, less before training.
PNG_RATIO = 0.6
CURVES_PNG_RATIO = 0.13


@dataclass(frozen=True)
class Estimate:
    """What one run takes; ``basis`` says how the time was found, which is ``None`` if it was not asked for."""

    seconds: float | None
    megabytes: float
    basis: str


@dataclass(frozen=True)
class Schedule:
    """How often a run does what, if nothing ends it early.

    Attributes:
        steps: optimizer steps.
        logs: steps that log losses and measures.
        validations: of the whole validation side.
        checkpoints: ``step-*.ckpt``.
        picture_sets: of all sample pictures, the one at step 0 included.
    """

    steps: int
    logs: int
    validations: int
    checkpoints: int
    picture_sets: int


@dataclass(frozen=True)
class Costs:
    """The seconds that each of these takes, see :class:`Schedule`; ``choosing`` is done once.

    ``step`` is one that logs nothing, with its share of decoding; ``log`` is what logging adds to it.
    """

    step: float
    log: float
    validation: float
    checkpoint: float
    picture_set: float
    choosing: float

    def of_run(self, schedule: Schedule) -> float:
        """Return the seconds from the beginning of training to its end."""
        return (
            schedule.steps * self.step
            + schedule.logs * self.log
            + schedule.validations * self.validation
            + schedule.checkpoints * self.checkpoint
            + schedule.picture_sets * self.picture_set
            + self.choosing
        )


def estimate_run(config: DictConfig, timed: bool = True) -> Estimate:
    """Estimate a run's training time and disk use from its composed configuration.

    The time counts what training does: steps with decoding, optimizer and clipping, validations, sample pictures and
    checkpoints, on the first of the run's devices. Starting a run and its loggers come on top. Images that are to be
    cached are decoded now, and by no run any more. Without ``timed`` nothing is measured or decoded, because it says
    nothing about runs on other machines.

    Raises:
        ValueError: if the configuration gives no end of training.
    """
    with targets_allowed(find_targets(config)):
        return _estimate(config, timed)


def _estimate(config: DictConfig, timed: bool) -> Estimate:
    if not timed:
        return Estimate(None, _megabytes(config, plan_schedule(config, None)), "not measured")
    try:
        with _silent():
            schedule, costs = _measure(config)
    except BaseException as error:
        release_memory(error)
        raise
    release_memory()
    return Estimate(costs.of_run(schedule), _megabytes(config, schedule), _describe(config, schedule, costs))


def plan_schedule(config: DictConfig, steps_per_epoch: int | None) -> Schedule:
    """Return the schedule of a run; the steps of an epoch are needed where ``trainer.max_epochs`` ends it.

    Raises:
        ValueError: if the configuration gives no end of training, or one that is not known.
    """
    steps, epochs = int(config.trainer.max_steps), int(config.trainer.get("max_epochs") or -1)
    ends = [steps] if steps >= 0 else []
    if epochs >= 0 and steps_per_epoch is not None:
        ends.append(epochs * steps_per_epoch)
    if not ends:
        raise ValueError(
            f"trainer.max_steps={steps} and trainer.max_epochs={epochs} do not say after how many steps a run ends"
        )
    end = min(ends)
    every = int(config.trainer.log_every_n_steps)
    # A run that its epochs end is not validated once more.
    validations = _times(config, "validation", end, also_last=end == steps)
    return Schedule(
        steps=end,
        logs=end // every if every else 0,
        # A run of no steps measures its weights, and shows the pictures once.
        validations=validations if end else 1,
        checkpoints=_times(config, "checkpoints", end),
        picture_sets=0 if config.callbacks.samples is None else 1 + _times(config, "samples", end),
    )


def _times(config: DictConfig, callback: str, steps: int, also_last: bool = True) -> int:
    """Return how often a callback acts: every N steps, and after the last one."""
    options = config.callbacks.get(callback)
    if options is None:
        return 0
    every = int(options.every_n_steps)
    return math.ceil(steps / every) if also_last else steps // every


def _megabytes(config: DictConfig, schedule: Schedule) -> float:
    parameters = sum(parameter.numel() for parameter in hydra.utils.instantiate(config.model).parameters())
    # A checkpoint holds the weights and Adam's two moments, in float32; last.ckpt is a copy.
    files = schedule.checkpoints + 1 if schedule.checkpoints else 0
    checkpoints = files * 3 * 4 * parameters
    samples = config.callbacks.samples
    # Each sample is an input, an output and a curve map, with 3 channels at a camera's 4:3.
    raw = 0 if samples is None else samples.count * samples.longest**2 * 3 * 0.75
    return float(checkpoints + schedule.picture_sets * raw * (2 * PNG_RATIO + CURVES_PNG_RATIO)) / 1e6


def _measure(config: DictConfig) -> tuple[Schedule, Costs]:
    """Train a few steps as a run does, validate a batch, and show one picture."""
    prepare_to_train()
    data: ExposureDataModule = hydra.utils.instantiate(config.data)
    data.prepare_data()
    data.setup()
    assert data.split is not None
    model = hydra.utils.instantiate(config.model)
    with tempfile.TemporaryDirectory() as folder:
        samples, pictures = _one_picture(config, folder, len(data.split.val or data.split.train))
        clock = _Clock(samples)
        trainer = _make_trainer(config, clock, folder)
        trainer.fit(model, data)
        checkpoint = clock.time(lambda: trainer.save_checkpoint(Path(folder) / "measured.ckpt"))
        # After the first step it only chooses the pictures and decodes them.
        choosing = 0.0 if samples is None else clock.time(lambda: samples.on_train_start(trainer, model))
        if data.split.val:
            # Once to warm up.
            for _ in range(2):
                trainer.validate(model, data, verbose=False)
    processes, batch = _processes(config), int(config.data.batch_size)
    batches = math.ceil(len(data.split.train) // processes / batch)
    decoding = _decoding(data)
    step, log = clock.steps()
    validated, shown = len(data.split.val) / processes, max(1, min(batch, len(data.split.val)))
    costs = Costs(
        step=max(step, config.trainer.accumulate_grad_batches * batch * decoding),
        log=log,
        validation=max(clock.validation * validated / shown, validated * decoding),
        checkpoint=checkpoint,
        picture_set=pictures * clock.picture_set,
        choosing=pictures * choosing,
    )
    return plan_schedule(config, math.ceil(batches / int(config.trainer.accumulate_grad_batches))), costs


class _Clock(L.Callback):
    """Notes when each step begins, and how long a validation and a set of sample pictures take."""

    def __init__(self, samples: SamplePictures | None) -> None:
        self.samples = samples
        self.device = torch.device("cpu")
        self.starts: list[float] = []
        self.validation = self.picture_set = self._began = 0.0

    def steps(self) -> tuple[float, float]:
        """Return the seconds of a step, and of logging after one."""
        times = [end - start for start, end in zip(self.starts, self.starts[1:], strict=False)]
        plain = statistics.fmean(times[TIMED_FROM::LOG_EVERY])
        logging_too = statistics.fmean(times[TIMED_FROM + 1 :: LOG_EVERY])
        return plain, max(0.0, logging_too - plain)

    def time(self, action: Any) -> float:
        began = now(self.device)
        action()
        return now(self.device) - began

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.device = trainer.strategy.root_device
        if self.samples is not None:
            self.samples.on_train_start(trainer, pl_module)

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        # Under gradient accumulation several batches make a step.
        if trainer.global_step == len(self.starts):
            self.starts.append(now(self.device))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        samples = self.samples
        if samples is not None:
            self.picture_set = self.time(lambda: samples.on_train_end(trainer, pl_module))

    def on_validation_start(self, *_: Any) -> None:
        self._began = now(self.device)

    def on_validation_end(self, *_: Any) -> None:
        self.validation = now(self.device) - self._began


def now(device: torch.device) -> float:
    """Return the time in seconds, once the device has done all that it was asked for."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
    return time.perf_counter()


def _make_trainer(config: DictConfig, clock: L.Callback, folder: str) -> L.Trainer:
    """Return the run's Trainer, but on one device, for a few steps and a batch of validation, and without loggers."""
    small = {"max_steps": MEASURED_STEPS, "max_epochs": -1, "limit_val_batches": 1, "log_every_n_steps": LOG_EVERY}
    alone = {
        "devices": first_device(_devices(config)),
        "num_nodes": 1,
        "strategy": "auto",
        "plugins": [LightningEnvironment()],
    }
    plain = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "default_root_dir": folder}
    trainer: L.Trainer = hydra.utils.instantiate(config.trainer, callbacks=[clock], **small, **alone, **plain)
    return trainer


def first_device(devices: Any) -> int | list[int]:
    """Return the first device that ``trainer.devices`` names, in a list; or 1, where it only says how many."""
    if isinstance(devices, str) and "," in devices:
        devices = [int(number) for number in devices.split(",")]
    return [devices[0]] if isinstance(devices, list) else 1


def _devices(config: DictConfig) -> Any:
    return OmegaConf.to_container(config.trainer)["devices"]  # type: ignore[call-overload,index]  # it is a mapping


def _processes(config: DictConfig) -> int:
    given = OmegaConf.select(config, "hydra.launcher.devices_per_run")
    if given is not None:
        return int(given)
    return count_processes(_devices(config), len(visible_gpus(config.trainer.accelerator)))


def _one_picture(config: DictConfig, folder: str, there: int) -> tuple[SamplePictures | None, int]:
    """Return the run's sample pictures, but only one, in another folder; and how many there would be."""
    if config.callbacks.samples is None:
        return None, 0
    samples: SamplePictures = hydra.utils.instantiate(config.callbacks.samples, folder=folder)
    count = len(samples.own) or min(samples.count, there)
    samples.own, samples.count = samples.own[:1], 1
    return samples, count


def _decoding(data: ExposureDataModule) -> float:
    """Return the seconds of decoding that each image takes in each epoch: none with a cache.

    Images are decoded by several workers, ahead of a few steps, or by the process that trains, in whose steps it is
    counted already.
    """
    if data.cache_place != "none":
        return 0.0
    assert data.split is not None
    began = time.perf_counter()
    files = data.split.train[:TIMED_FILES]
    for path in files:
        data.fit.read(data.root / path)
    workers: int = data.hparams["num_workers"]
    return (time.perf_counter() - began) / len(files) / max(1, workers)


def _describe(config: DictConfig, schedule: Schedule, costs: Costs) -> str:
    parts = [
        f"{schedule.steps} steps of {config.data.batch_size * config.trainer.accumulate_grad_batches} images at "
        f"{_duration(costs.step)}",
        f"{schedule.validations} validations at {_duration(costs.validation)}",
        f"{schedule.picture_sets} sets of pictures at {_duration(costs.picture_set)}",
    ]
    return f"a run: {', '.join(parts)}; measured, without start-up and loggers"


def _duration(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


@contextmanager
def _silent() -> Iterator[None]:
    """Keep quiet about what each run says again."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
