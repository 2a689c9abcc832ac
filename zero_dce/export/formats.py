"""The formats that a network is exported to, and what each needs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from zero_dce.enhance.graph import NEEDS
from zero_dce.enhance.pixels import FloatArray
from zero_dce.weights import Weights


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        module: what writes and runs it, a :class:`Library`.
        suffixes: of its files. The first is the one that a program opens.
        backend: whose packages it needs, and the name of the extra that brings them.
    """

    module: str
    suffixes: tuple[str, ...]
    backend: str


FORMATS = {
    "onnx": Format("zero_dce.export.onnx", (".onnx",), "onnxruntime"),
    "openvino": Format("zero_dce.export.openvino", (".xml", ".bin"), "openvino"),
    "torch": Format("zero_dce.export.pytorch", (".pt2",), "torch"),
}


class Run(Protocol):
    """An exported network, loaded by the library that it is meant for."""

    def __call__(self, image: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Enhance pictures.

        Args:
            image: float32, N x 3 x H x W, RGB, range [0, 1].

        Returns:
            The enhanced pictures, of the same shape and range, and their curve maps, N x 24 x H x W, of Zero-DCE++
            N x 3 x H x W, range [-1, 1].
        """


class Library(Protocol):
    """A module that writes one format and runs what it wrote."""

    def write(self, weights: Weights, file: Path, metadata: dict[str, str]) -> None:
        """Write the network and the eight curve iterations, for any batch, height and width.

        Args:
            weights: of either network.
            file: where to, in a folder of its own.
            metadata: put into the file.
        """

    def load(self, file: Path) -> Run:
        """Load what ``write`` wrote, to compute on the CPU in float32. The file is not held open."""

    def describe(self) -> str:
        """Return the name and the version of the library that runs it."""


def check_installed(name: str) -> None:
    """Return if what a format, one of :data:`FORMATS`, is written and run with is installed.

    Raises:
        ModuleNotFoundError: if it is not.
    """
    backend = FORMATS[name].backend
    missing = [package for package in NEEDS[backend] if find_spec(package) is None]
    if missing:
        raise ModuleNotFoundError(f"--format {name} needs {' and '.join(missing)}: pip install 'zero_dce[{backend}]'")


def load_library(name: str) -> Library:
    """Import what a format is written and run with."""
    return cast(Library, import_module(FORMATS[name].module))
