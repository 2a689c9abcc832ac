"""What the machine offers: the precision to train in, how its errors are told apart, a description for the records.

PyTorch takes seconds to import, so that each function that needs it imports it.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import platform
import sys
from pathlib import Path
from typing import Any

# What errors of these say when memory runs out: CUDA, HIP and MPS; the libraries below them; the host's allocator.
OUT_OF_MEMORY = (
    "out of memory",
    *("CUBLAS_STATUS_ALLOC_FAILED", "HIPBLAS_STATUS_ALLOC_FAILED", "rocblas_status_memory_error"),
    *("CUDNN_STATUS_ALLOC_FAILED", "CUDNN_STATUS_INTERNAL_ERROR", "miopenStatusAllocFailed"),
    *("Unable to find a valid cuDNN algorithm", "unable to find an engine to execute"),
    *("can't allocate memory", "not enough memory"),
)

# What a processor computes a gradient for at a time: less keeps cores waiting for each other, and more takes memory
# anew from the system in each step, page by page (benchmarks/train_step.py).
CPU_PIXELS = 1 << 17
# What a pixel saves for the backward pass in float32, and the share of a GPU's free memory that this may take.
BYTES_PER_PIXEL, FREE_SHARE = 2100, 0.7
LARGEST_BATCH = 1 << 30


def best_precision(accelerator: str = "auto") -> str:
    """Return the Trainer precision that is quickest here without loss: ``bf16-mixed`` or ``32-true``.

    It is bfloat16 autocast where the hardware has it: only convolutions differ, and the weights, the curves and the
    losses stay float32. With the Trainer's accelerator ``auto`` a GPU counts where there is one. Apple's GPUs (``mps``)
    train in ``32-true``: PyTorch does not say which of them compute in bfloat16 themselves.
    """
    import torch

    chosen = resolve_accelerator(accelerator)
    if chosen == "cuda" and torch.cuda.is_available():
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = chosen == "cpu" and cpu_has_bfloat16()
    return "bf16-mixed" if has_bfloat16 else "32-true"


def fastest_layout(network: str, accelerator: str, precision: str) -> str:
    """Return the layout of features in memory that training is quickest in: ``blocked`` or ``channels_last``.

    ``blocked`` is oneDNN's own layout. It is the quickest, or as quick as any, on x86 processors in float32, with the
    kernels for AVX-512 and with those for AVX2 (``benchmarks/train_step.py``). Autocast cannot use it, so that bfloat16
    is computed in ``channels_last``; on GPUs, that is what cuDNN's kernels for tensor cores take, and was not compared
    here. Zero-DCE++ was not measured either.

    Args:
        network: as ``model.network`` has it.
        accelerator: of the Trainer, as :func:`resolve_accelerator` returns it.
        precision: of the Trainer.
    """
    import torch

    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    is_suited = network == "zero_dce" and accelerator == "cpu" and precision.startswith("32")
    if is_suited and is_x86 and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return "blocked"
    return "channels_last"


def pictures_at_once(device: Any, pixels: int) -> int:
    """Return for how many pictures at a time a gradient is computed quickest, as far as memory goes.

    Args:
        device: of PyTorch.
        pixels: of one picture.
    """
    if device.type == "cpu":
        return max(1, CPU_PIXELS // pixels)
    if device.type != "cuda":
        return LARGEST_BATCH
    import torch

    return max(1, int(FREE_SHARE * torch.cuda.mem_get_info(device)[0] / (BYTES_PER_PIXEL * pixels)))


def resolve_accelerator(accelerator: str) -> str:
    """Return what the Trainer chooses for ``auto`` and ``gpu``: ``mps``, ``cuda`` or ``cpu``; others stay as they are.

    With ``gpu`` and none there, it is ``gpu`` again, which the Trainer refuses.
    """
    import torch

    if accelerator not in ("auto", "gpu"):
        return accelerator
    if torch.backends.mps.is_available():
        return "mps"
    if torch.cuda.is_available():
        return "cuda"
    return "cpu" if accelerator == "auto" else accelerator


def use_exact_float32() -> None:
    """Compute float32 as float32 from here on, in the whole process.

    By itself, cuDNN rounds the inputs of float32 convolutions to the 10 bits of TF32 (PyTorch's notes on CUDA). This
    does not concern what autocast computes in bfloat16.
    """
    import torch

    # PyTorch's newer names for the same, ``fp32_precision``, make it refuse to tell Lightning the older ones.
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")


def keep_freed_memory() -> None:
    """Let the C library keep memory that was freed, for the next step: in the whole process, from here on.

    By itself, glibc gives each large block back to the system at once, and a training step takes the same blocks anew,
    page by page (``benchmarks/train_step.py`` has a row of each). Memory then stays at its highest. Other C libraries
    are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is not None:
        # The numbers that malloc.h gives M_MMAP_MAX and M_TRIM_THRESHOLD: no block of its own, and nothing given back.
        change(-4, 0)
        change(-1, -1)


@functools.cache
def spare_collector() -> None:
    """Let Python's garbage collector pass over all that there is by now, at the first call in a process.

    That is what was imported, mostly: some 400,000 objects, which each full collection would look through, a third of
    a second at a run's end. Of these, circles that are left later stay.
    """
    gc.freeze()


def prepare_to_train() -> None:
    """Set up this process for runs: exact float32, memory that is kept, a quick garbage collector."""
    use_exact_float32()
    keep_freed_memory()
    spare_collector()


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out: the host's, or a GPU's as CUDA, its libraries, HIP or MPS put it.

    cuDNN reports a lack of memory as an internal error too, or finds no algorithm that fits.
    """
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY)


def gpu_is_lost() -> bool:
    """Tell whether this process's GPU answers no more.

    After an illegal memory access or a failed assertion in a kernel, every further call in the same process fails, so
    that only a fresh process can go on.
    """
    import torch

    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False


def release_gpu_memory() -> None:
    """Give the GPU memory that no tensor uses back to the driver, for other processes; not on a GPU that is lost."""
    import torch

    if torch.cuda.is_initialized() and not gpu_is_lost():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def describe_hardware() -> dict[str, Any]:
    """Return processor, cores and GPUs, and how they compute float32."""
    import torch

    return {
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "float32": {
            "tf32_in_convolutions": torch.backends.cudnn.allow_tf32,
            "matrix_products": torch.get_float32_matmul_precision(),
        },
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
