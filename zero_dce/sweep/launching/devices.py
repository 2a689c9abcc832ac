"""The devices of a sweep's runs: the visible GPUs, dealt out to slots."""

from __future__ import annotations

import math
from typing import Any

import torch

from zero_dce.sweep.launching.environment import named_gpus

ALL_DEVICES = ("auto", "-1", -1)
# The GPUs of each run at a time; a slot of None sees what this process sees.
Slots = list[list[str] | None]
# A part of a GPU that is divided by NVIDIA's MIG. A process sees the first one of its list only.
MIG = "MIG-"


def visible_gpus(accelerator: str) -> list[str]:
    """Return the GPUs that runs may use, by the names that ``CUDA_VISIBLE_DEVICES``, or AMD's variable, has for them.

    There are none if another accelerator was chosen. Parts of a GPU (MIG) count one by one.
    """
    if accelerator not in ("auto", "gpu", "cuda"):
        return []
    # This asks the driver and starts nothing on a GPU.
    count = torch.cuda.device_count()
    given = named_gpus()
    if given is None:
        return [str(index) for index in range(count)]
    names = [name.strip() for name in given.split(",")]
    if count and names[0].startswith(MIG):
        return list(dict.fromkeys(name for name in names if name.startswith(MIG)))
    return names[:count]


def count_processes(devices: Any, gpus: int) -> int:
    """Return how many processes ``trainer.devices`` means, one per device.

    Args:
        devices: a number, a list of device numbers, or all (``auto``, -1).
        gpus: how many GPUs the run sees; with 0 it runs on the CPU, where all devices are one process.

    Raises:
        ValueError: if ``devices`` is none of these.
    """
    if devices in ALL_DEVICES:
        return max(1, gpus)
    count = 0
    if isinstance(devices, list):
        count = len(devices)
    elif isinstance(devices, int) and not isinstance(devices, bool):
        count = devices
    elif isinstance(devices, str):
        numbers = [part.strip() for part in devices.split(",") if part.strip()]
        if numbers and all(number.isdecimal() for number in numbers):
            count = len(numbers) if "," in devices else int(devices)
    if count < 1:
        raise ValueError(
            f"trainer.devices is {devices!r}; expected a number of devices, a list of their numbers, or auto"
        )
    return count


def deal_out(gpus: list[str], slots: int | None, per_run: int, narrow: bool, runs_per_gpu: int = 1) -> Slots:
    """Return the GPUs of each slot; slots that follow each other are on different ones as far as these go.

    Args:
        gpus: names of the visible GPUs.
        slots: how many runs at a time, at least 1; ``None``: as many as there are GPUs for.
        per_run: devices of each run.
        narrow: whether a single slot sees only its own GPUs too.
        runs_per_gpu: how many runs at a time share a GPU.

    Raises:
        ValueError: if the slots need more GPUs than there are, or a run several parts of a GPU, or there is none to
            share.
    """
    if gpus and gpus[0].startswith(MIG) and per_run > 1:
        raise ValueError(
            f"each run has {per_run} devices, but of {len(gpus)} parts of a GPU (MIG) a process sees one only: give "
            "trainer.devices=1, or whole GPUs in CUDA_VISIBLE_DEVICES"
        )
    if runs_per_gpu > 1 and not gpus:
        raise ValueError(
            f"hydra.launcher.runs_per_gpu is {runs_per_gpu}, but no GPU is visible: several runs at a time on the CPU "
            f"are hydra.launcher.slots={runs_per_gpu}"
        )
    places = len(gpus) // per_run
    if slots is None:
        slots = max(1, places * runs_per_gpu)
    if not gpus or (slots == 1 and not narrow):
        return [None] * slots
    if slots > places * runs_per_gpu:
        needed = math.ceil(slots / runs_per_gpu) * per_run
        raise ValueError(
            f"{slots} runs at a time with {per_run} devices each need {needed} GPUs, and {len(gpus)} are visible: give "
            f"hydra.launcher.slots={max(1, places * runs_per_gpu)}, or fewer devices a run "
            "(hydra.launcher.devices_per_run), or let more runs share a GPU (hydra.launcher.runs_per_gpu)"
        )
    starts = [slot % places * per_run for slot in range(slots)]
    return [gpus[start : start + per_run] for start in starts]
