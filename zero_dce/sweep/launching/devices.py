"""Which devices a run of a sweep gets: the visible GPUs, dealt out to slots."""

from __future__ import annotations

import os
from typing import Any

import torch

ALL = ("auto", "-1", -1)


def visible_gpus(accelerator: str) -> list[str]:
    """Return the GPUs that runs may use, as ``CUDA_VISIBLE_DEVICES`` names them; none where the CPU was chosen."""
    if accelerator not in ("auto", "gpu", "cuda"):
        return []
    # Asks the driver and starts nothing on a GPU.
    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(index) for index in range(count)] if given is None else [name.strip() for name in given.split(",")]
    return names[:count]


def count_processes(devices: Any, gpus: int) -> int:
    """Return how many processes ``trainer.devices`` means: one a device.

    Args:
        devices: a number, a list of device numbers, or all (``auto``, -1).
        gpus: how many GPUs the run sees; 0: it runs on the CPU, where all is one process.

    Raises:
        ValueError: if ``devices`` is none of these.
    """
    if devices in ALL:
        return max(1, gpus)
    if isinstance(devices, str):
        parts = [part for part in devices.split(",") if part.strip()]
        if all(part.strip().isdecimal() for part in parts) and parts and ("," in devices or int(devices)):
            return len(parts) if "," in devices else int(devices)
    elif isinstance(devices, int) and not isinstance(devices, bool) and devices > 0:
        return devices
    elif isinstance(devices, list) and devices:
        return len(devices)
    raise ValueError(f"trainer.devices is {devices!r}; expected a number of devices, a list of their numbers, or auto")


def deal_out(gpus: list[str], slots: int | None, per_run: int, narrow: bool) -> list[list[str] | None]:
    """Return the GPUs of each slot; ``None`` is a slot that sees what this process sees.

    Args:
        gpus: names of the visible GPUs.
        slots: how many runs at a time; ``None``: as many as there are GPUs for.
        per_run: devices of each run.
        narrow: hide the other GPUs from a single slot too.

    Raises:
        ValueError: if the slots need more GPUs than there are.
    """
    if slots is None:
        slots = max(1, len(gpus) // per_run)
    if slots < 1:
        raise ValueError(f"hydra.launcher.slots is {slots}; expected at least 1")
    if not gpus or (slots == 1 and not narrow):
        return [None] * slots
    if slots * per_run > len(gpus):
        raise ValueError(
            f"{slots} runs at a time with {per_run} devices each need {slots * per_run} GPUs, and {len(gpus)} are "
            f"visible: give hydra.launcher.slots={max(1, len(gpus) // per_run)}, or fewer devices a run "
            "(hydra.launcher.devices_per_run)"
        )
    return [gpus[slot * per_run : (slot + 1) * per_run] for slot in range(slots)]
