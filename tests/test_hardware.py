"""What is read of the hardware, and how its errors are told apart: by stand-ins, on a machine without a GPU."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from zero_dce import hardware
from zero_dce.hardware import (
    best_precision,
    describe_hardware,
    fastest_layout,
    gpu_is_lost,
    is_out_of_memory,
    peak_memory_mb,
    pictures_at_once,
    release_gpu_memory,
    resolve_accelerator,
    use_exact_float32,
)

ASSERTION = "CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`"


def test_peak_memory_is_plausible() -> None:
    host = peak_memory_mb()["host"]
    assert host is None or 50 < host < 100_000


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A machine with an Apple or an NVIDIA GPU, or none; its processor has bfloat16, and its GPU has it or not."""
    kind, on_gpu = request.param
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: kind == "mps")
    monkeypatch.setattr("torch.cuda.is_available", lambda: kind == "cuda")
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: on_gpu)
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: True)


@pytest.mark.parametrize(
    ("machine", "accelerator", "chosen", "precision"),
    [
        (("mps", None), "auto", "mps", "32-true"),
        (("mps", None), "gpu", "mps", "32-true"),
        (("mps", None), "cpu", "cpu", "bf16-mixed"),
        (("cuda", True), "auto", "cuda", "bf16-mixed"),
        (("cuda", False), "auto", "cuda", "32-true"),
        (("cuda", False), "cuda", "cuda", "32-true"),
        ((None, None), "auto", "cpu", "bf16-mixed"),
        ((None, None), "gpu", "gpu", "32-true"),
        ((None, None), "cuda", "cuda", "32-true"),
    ],
    indirect=["machine"],
)
@pytest.mark.usefixtures("machine")
def test_the_precision_is_that_of_the_chosen_accelerator(accelerator: str, chosen: str, precision: str) -> None:
    assert resolve_accelerator(accelerator) == chosen
    assert best_precision(accelerator) == precision


def test_float32_is_exact_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    torch.set_float32_matmul_precision("high")
    assert describe_hardware()["float32"] == {"tf32_in_convolutions": True, "matrix_products": "high"}
    use_exact_float32()
    assert describe_hardware()["float32"] == {"tf32_in_convolutions": False, "matrix_products": "highest"}
    assert torch.backends.cudnn.conv.fp32_precision != "tf32"
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"


SPARED = """
import gc, torch, weakref
from zero_dce.hardware import spare_collector
class Link: pass
before = len(gc.get_objects())
spare_collector()
gc.collect()
left, link = len(gc.get_objects()), Link()
link.self, link.tensor = link, torch.ones(9)
alive = weakref.ref(link)
del link
spare_collector()
gc.collect()
print(before > 100 * left, alive() is None)
"""


def test_the_collector_passes_over_what_was_imported_and_no_more() -> None:
    """In a process of its own, which it changes for good; what comes after the first call is collected."""
    done = subprocess.run([sys.executable, "-c", SPARED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79 GiB"),
        torch.OutOfMemoryError("HIP out of memory. Tried to allocate 20.00 MiB"),
        torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported asynchronously"),
        torch.AcceleratorError("HIP error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.81 GB, other allocations: 288.00 MB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 123 bytes."),
    ],
    ids=lambda error: str(error)[:40],
)
def test_memory_has_run_out(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        torch.AcceleratorError(ASSERTION),
        RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        ValueError("--longest out of memory"),
    ],
    ids=lambda error: str(error)[:40],
)
def test_something_else_went_wrong(error: BaseException) -> None:
    assert not is_out_of_memory(error)


def test_a_gpu_that_is_lost_is_told_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied = []
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: emptied.append(1))
    assert not gpu_is_lost(), "none was used"
    release_gpu_memory()
    assert not emptied
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch.cuda.synchronize", lambda: None)
    assert not gpu_is_lost()
    release_gpu_memory()
    assert len(emptied) == 1

    def fail() -> None:
        raise torch.AcceleratorError(ASSERTION)

    monkeypatch.setattr("torch.cuda.synchronize", fail)
    assert gpu_is_lost()
    release_gpu_memory()
    assert len(emptied) == 1, "the driver would repeat its error"


@pytest.mark.parametrize(
    ("network", "accelerator", "precision", "processor", "layout"),
    [
        ("zero_dce", "cpu", "32-true", "x86_64", "blocked"),
        ("zero_dce", "cpu", "32-true", "AMD64", "blocked"),
        ("zero_dce", "cpu", "32-true", "aarch64", "channels_last"),
        ("zero_dce", "cpu", "bf16-mixed", "x86_64", "channels_last"),
        ("zero_dce", "cuda", "32-true", "x86_64", "channels_last"),
        ("zero_dce", "mps", "32-true", "arm64", "channels_last"),
        ("zero_dce_pp", "cpu", "32-true", "x86_64", "channels_last"),
    ],
)
def test_layouts(
    network: str, accelerator: str, precision: str, processor: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: processor)
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: True)
    assert fastest_layout(network, accelerator, precision) == layout
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: False)
    assert fastest_layout(network, accelerator, precision) == "channels_last"


def test_pictures_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [pictures_at_once(cpu, side * side) for side in (64, 128, 256, 512, 1024)] == [32, 8, 2, 1, 1]
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (4_000_000_000, 8_000_000_000))
    assert pictures_at_once(gpu, 256 * 256) == 20
    assert pictures_at_once(gpu, 4096 * 4096) == 1
    assert pictures_at_once(torch.device("mps"), 256 * 256) > 1e6


PAGES = """
import resource, sys, torch
from zero_dce.hardware import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def step():
    for size in (30, 50, 70):
        torch.ones(size * 250_000)
taken = []
for _ in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step()
    taken.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
# The first steps find places for their blocks.
print(min(taken))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library is glibc's")
def test_freed_memory_is_used_again() -> None:
    """Blocks of 30 to 70 MB, 4,096 bytes a page: given back, they would be taken up anew, thousands of pages."""
    taken = {}
    for way in ("kept", "given back"):
        done = subprocess.run([sys.executable, "-c", PAGES, way], capture_output=True, text=True, check=True)
        taken[way] = int(done.stdout)
    assert taken["kept"] < 1000
    assert taken["given back"] > 5 * taken["kept"], "without it, nothing would be gained"
