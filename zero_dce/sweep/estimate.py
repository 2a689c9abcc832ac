"""What a run will take: seconds, from a few measured steps, and disk."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import hydra
import torch
from omegaconf import DictConfig, OmegaConf

TIMED_STEPS = 2
# Of the sample pictures on disk: PNG of photographs takes about this much of the raw pixels.
PNG_RATIO = 0.6
# Curve maps are smooth: 0.13 with the released weights, less before training.
CURVES_PNG_RATIO = 0.13


@dataclass(frozen=True)
class Estimate:
    """What one run takes; ``basis`` says how the time was found, which is ``None`` where it was not asked for."""

    seconds: float | None
    megabytes: float
    basis: str


def estimate_run(config: DictConfig, timed: bool = True) -> Estimate:
    """Estimate a run's training time and disk use from its composed configuration.

    The time is that of a few training steps on random pixels, so decoding and validation come on top.

    Args:
        config: the run's.
        timed: take those steps; runs on other machines take another time.
    """
    steps = int(config.trainer.max_steps)
    model = hydra.utils.instantiate(config.model)
    per_step = _seconds_per_step(model.network, model.loss, config) if timed else None
    batches = steps * int(config.trainer.accumulate_grad_batches)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    # Weights and Adam's two moments, in float32.
    checkpoint = 3 * 4 * parameters
    samples = config.callbacks.samples
    # Input, output and curve map, 3 channels at a camera's 4:3.
    raw = 0 if samples is None else samples.count * samples.longest**2 * 3 * 0.75
    pictures = raw * (2 * PNG_RATIO + CURVES_PNG_RATIO)
    sets = steps // int(config.every_n_steps) + 1
    return Estimate(
        seconds=None if per_step is None else batches * per_step,
        megabytes=((sets + 1) * checkpoint + sets * pictures) / 1e6,
        basis=(
            "not measured"
            if per_step is None
            else f"{1000 * per_step:.0f} ms a step of {config.data.batch_size} images, measured, without decoding"
        ),
    )


def portable(config: DictConfig) -> DictConfig:
    """Return what :func:`estimate_run` reads of a sweep's configuration, for another process.

    The precision stays unresolved: asking a GPU what it can do would occupy it from this process.
    """
    samples = config.callbacks.samples
    unresolved: Any = OmegaConf.to_container(config.trainer)
    trainer = ("max_steps", "accumulate_grad_batches", "accelerator", "precision")
    return OmegaConf.create(
        {
            "model": OmegaConf.to_container(config.model, resolve=True),
            "trainer": {name: unresolved[name] for name in trainer},
            "data": {name: config.data[name] for name in ("size", "batch_size")},
            "callbacks": {"samples": samples and {name: samples[name] for name in ("count", "longest")}},
            "every_n_steps": config.every_n_steps,
        }
    )


def _seconds_per_step(network: torch.nn.Module, loss: torch.nn.Module, config: DictConfig) -> float:
    on_gpu = config.trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    size = int(config.data.size)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(int(config.data.batch_size), 3, size, size, generator=generator).to(device)
    image = image.contiguous(memory_format=torch.channels_last)
    network.to(device)
    for step in range(1 + TIMED_STEPS):
        if step == 1:
            # The first one pays for start-up.
            started = _now(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=str(config.trainer.precision).startswith("bf16")):
            enhanced, maps = network(image)
            total = loss(image, enhanced, maps).total
        total.backward()
    return (_now(device) - started) / TIMED_STEPS


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
