"""An estimate of what a run will take: seconds, from a few measured steps, and disk."""

from __future__ import annotations

import time
from dataclasses import dataclass

import hydra
import torch
from omegaconf import DictConfig

TIMED_STEPS = 2
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


def estimate_run(config: DictConfig, timed: bool = True) -> Estimate:
    """Estimate a run's training time and disk use from its composed configuration.

    The time is that of a few training steps on random pixels, so decoding and validation come on top. Without ``timed``
    it is not measured, because it says nothing about runs on other machines.
    """
    steps = int(config.trainer.max_steps)
    model = hydra.utils.instantiate(config.model)
    seconds: float | None = None
    basis = "not measured"
    if timed:
        per_step = _seconds_per_step(model.network, model.loss, config)
        seconds = steps * int(config.trainer.accumulate_grad_batches) * per_step
        images = config.data.batch_size
        basis = f"{1000 * per_step:.0f} ms a step of {images} images, measured, without decoding"
    # A checkpoint holds the weights and Adam's two moments, in float32.
    checkpoint = 3 * 4 * sum(parameter.numel() for parameter in model.parameters())
    samples = config.callbacks.samples
    # Each sample is an input, an output and a curve map, with 3 channels at a camera's 4:3.
    raw = 0 if samples is None else samples.count * samples.longest**2 * 3 * 0.75
    pictures = raw * (2 * PNG_RATIO + CURVES_PNG_RATIO)
    sets = steps // int(config.every_n_steps) + 1
    return Estimate(seconds, ((sets + 1) * checkpoint + sets * pictures) / 1e6, basis)


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
            # The clock starts after the first step, which includes the start-up.
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
