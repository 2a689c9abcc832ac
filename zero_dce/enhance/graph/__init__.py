"""The libraries that run the network, and the choice of the quickest for this machine."""

from __future__ import annotations

import ctypes
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.pixels import FloatArray
from zero_dce.terminal import pip_install
from zero_dce.weights import Weights

# The module and the class of each backend. On the CPU the first that is installed is the quickest.
BACKENDS = {
    "openvino": ("zero_dce.enhance.graph.openvino", "OpenVINOBackend"),
    "onnxruntime": ("zero_dce.enhance.graph.onnxruntime", "ONNXRuntimeBackend"),
    "torch": ("zero_dce.enhance.graph.pytorch", "PyTorchBackend"),
}
# OpenVINO too is given its graph as ONNX.
NEEDS = {"openvino": ("openvino", "onnx"), "onnxruntime": ("onnxruntime", "onnx"), "torch": ("torch",)}
DRIVERS = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}


class Backend(Protocol):
    """A library that runs programs. What it prepares for a shape of picture is kept, and shared by threads.

    Attributes:
        name: the name by which a person chooses it.
        precision: the precision of convolutions; curves are always computed in float32.
        tile: the side in pixels of the tiles that it is quickest with.
        workers: how many threads should call it, so that it never waits for pixels.
    """

    name: str
    precision: str
    tile: int

    @property
    def workers(self) -> int:
        """Return the number of threads."""

    def begin_thread(self) -> None:
        """Prepare a thread; each of them calls this before :meth:`run`."""

    def end_threads(self, workers: int) -> None:
        """Undo that; called once these ``workers`` have ended."""

    def run(self, program: Program, *inputs: FloatArray) -> tuple[FloatArray, ...]:
        """Compute a program.

        Args:
            program: what to compute.
            inputs: H x W x C, uint8, uint16 or float32 in [0, 1].

        Returns:
            Its outputs, H x W x C.
        """


def choose_backend(name: str, weights: Weights, precision: str) -> Backend:
    """Return the backend of a name, or with ``auto`` the quickest that is installed.

    Args:
        name: ``auto``, ``openvino``, ``onnxruntime`` or ``torch``.
        weights: of either network.
        precision: ``auto`` for the quickest that this machine has, or its name.

    Raises:
        ModuleNotFoundError: if the backend is not installed.
        ValueError: if the name or the precision is unknown or not to be had here.
    """
    if name not in ("auto", *BACKENDS):
        raise ValueError(f"--backend is {name!r}; expected auto or one of {', '.join(BACKENDS)}")
    chosen = quickest() if name == "auto" else name
    missing = missing_packages(chosen)
    if missing:
        raise ModuleNotFoundError(
            f"--backend {chosen} needs {' and '.join(missing)}: {pip_install(chosen)}, or --backend auto"
        )
    module, attribute = BACKENDS[chosen]
    backend = getattr(import_module(module), attribute)
    available = backend.precisions()
    if precision != "auto" and precision not in available:
        raise ValueError(f"--precision is {precision!r}; {chosen} on this machine has auto, {', '.join(available)}")
    made: Backend = backend(weights, available[0] if precision == "auto" else precision)
    return made


def missing_packages(backend: str) -> list[str]:
    """Return which of the packages that a backend needs are not installed."""
    return [package for package in NEEDS[backend] if find_spec(package) is None]


def quickest() -> str:
    """Return PyTorch where there is a GPU that it can use, else the quickest on the CPU of those installed."""
    if _has_nvidia_driver():
        from zero_dce.enhance.graph.pytorch import default_device

        if default_device() == "cuda":
            return "torch"
    return next(name for name in BACKENDS if not missing_packages(name))


def _has_nvidia_driver() -> bool:
    """Return whether PyTorch, whose import takes seconds, is worth asking for a GPU."""
    try:
        return sys.platform in DRIVERS and bool(ctypes.CDLL(DRIVERS[sys.platform]))
    except OSError:
        return False
