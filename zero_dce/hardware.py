"""What the machine offers: the precision to train in, and a description for the records.

PyTorch takes seconds to import, so that each function that needs it imports it.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any


def best_precision(accelerator: str = "auto") -> str:
    """Return the Trainer precision that is quickest here without loss: ``bf16-mixed`` or ``32-true``.

    It is bfloat16 autocast where the hardware has it: only convolutions differ, and the weights, the curves and the
    losses stay float32. With the Trainer's accelerator ``auto`` a GPU counts where there is one.
    """
    import torch

    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = accelerator in ("auto", "cpu") and cpu_has_bfloat16()
    return "bf16-mixed" if has_bfloat16 else "32-true"


def describe_hardware() -> dict[str, Any]:
    """Return processor, cores and GPUs."""
    import torch

    return {
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "platform": platform.platform(),
    }


def reset_peak_memory() -> None:
    """Begin to count the GPU's peak memory anew."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_memory_mb() -> dict[str, float | None]:
    """Return the most memory held so far, ``None`` where unknown.

    ``host`` is the whole process's, in a sweep also that of earlier runs; ``gpu`` counts from
    :func:`reset_peak_memory`.
    """
    import torch

    gpu = torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else None
    try:
        import resource
    except ImportError:
        # Windows has no module ``resource``.
        return {"host": None, "gpu": gpu}
    unit = 1 if sys.platform == "darwin" else 1024
    return {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, "gpu": gpu}


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_has_bfloat16() -> bool:
    """Tell whether the processor computes in bfloat16 itself."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _processor_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
