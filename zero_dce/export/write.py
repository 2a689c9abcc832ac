"""Writing a network in a format, checked before it gets its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from zero_dce import __version__
from zero_dce.enhance.graph import missing_packages
from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.formats import FORMATS, ExportedNetwork
from zero_dce.files import UNFINISHED, name_errors
from zero_dce.weights import Weights, read_weights

if TYPE_CHECKING:
    from zero_dce.networks import CurveNet

# Pictures, height and width: the smallest, an odd one, and one that is larger than the blocks of any kernel.
CHECKED_SHAPES = ((1, 1, 1), (2, 45, 61), (1, 240, 320))
TOLERATED_DIFFERENCE = 1e-5


def export(path: str | Path, name: str, output: Path, overwrite: bool = False) -> str:
    """Write a network with its eight curve iterations, and compare it with PyTorch before it gets its name.

    The file takes ``image``, float32 N x 3 x H x W, RGB in [0, 1], of any N, H and W from 1. It gives ``enhanced``, of
    the same shape and range, and ``curve_maps``, N x 24 x H x W, of Zero-DCE++ N x 3 x H x W, in [-1, 1], where
    negative brightens. Zero-DCE++ sees the whole picture, factor 1.

    Args:
        path: of the weights, see :func:`zero_dce.weights.read_weights`.
        name: ``onnx``, ``openvino`` or ``torch``.
        output: ends in .onnx, .xml or .pt2; a .bin is written beside an .xml.
        overwrite: whether earlier files may be replaced.

    Returns:
        A few lines that say what was written and how it was checked.

    Raises:
        ModuleNotFoundError: if what the format needs is not installed.
        OSError: if there are no weights, or the file cannot be written, or exists and may not be replaced.
        ValueError: if the weights are none, the suffix is wrong, or the file computes something else than PyTorch;
            then nothing is written.
    """
    _check_output(output, name, overwrite)
    _check_installed(name)
    weights = read_weights(path)
    with (
        TemporaryDirectory(prefix=f"{output.name}.", suffix=UNFINISHED, dir=output.parent) as folder,
        name_errors(output.parent, Path(folder)),
    ):
        checked = _write_checked(weights, name, Path(folder) / output.name)
        files = _files(output, name)
        _move(Path(folder), files)
    return f"{' and '.join(map(str, files))}: {weights.network}\n{checked}"


def largest_difference(exported: ExportedNetwork, network: CurveNet) -> float:
    """Compare enhanced pictures and curve maps on random pixels of :data:`CHECKED_SHAPES`.

    Args:
        exported: the network as it was written.
        network: the same in PyTorch, on the CPU.

    Raises:
        ValueError: if the shapes differ, or a difference is above :data:`TOLERATED_DIFFERENCE`.
    """
    generator = np.random.default_rng(0)
    differences = []
    for number, height, width in CHECKED_SHAPES:
        image = generator.random((number, 3, height, width), np.float32)
        differences.append(_difference(exported, network, image))
    return max(differences)


def _difference(exported: ExportedNetwork, network: CurveNet, image: FloatArray) -> float:
    # PyTorch takes seconds to import, so mistakes in the command are said before.
    import torch

    with torch.no_grad():
        expected = [output.numpy() for output in network(torch.from_numpy(image))]
    computed = exported(image)
    shapes, expected_shapes = ([output.shape for output in outputs] for outputs in (computed, expected))
    if shapes != expected_shapes:
        raise ValueError(
            f"on a picture of {image.shape} the exported network gives {shapes}, PyTorch {expected_shapes}"
        )
    largest = max(float(np.abs(one - other).max()) for one, other in zip(computed, expected, strict=True))
    # A difference that is no number is refused too.
    if not largest <= TOLERATED_DIFFERENCE:
        raise ValueError(
            f"on a picture of {image.shape} the exported network differs from PyTorch by {largest:.2g}, more than "
            f"{TOLERATED_DIFFERENCE:g}"
        )
    return largest


def _write_checked(weights: Weights, name: str, file: Path) -> str:
    """Write a file, compare it with PyTorch, and say how."""
    from zero_dce.networks import make_network, weights_hash

    form, network = FORMATS[name], make_network(weights)
    metadata = {"network": weights.network, "weights_sha256": weights_hash(network), "zero_dce_version": __version__}
    form.write(weights, file, metadata)
    try:
        difference = largest_difference(form.load(file), network)
    except ValueError as error:
        raise ValueError(f"{error}; {file.name} was not written. Checked with {form.runtime()}") from error
    shapes = ", ".join(f"{number} x 3 x {height} x {width}" for number, height, width in CHECKED_SHAPES)
    compared = f"{difference:.1e} (at most {TOLERATED_DIFFERENCE:g})"
    return f"largest difference from PyTorch: {compared}, by {form.runtime()} on {shapes}"


def _check_installed(name: str) -> None:
    """Raise ModuleNotFoundError unless what a format is written and run with is installed."""
    backend = FORMATS[name].backend
    missing = missing_packages(backend)
    if missing:
        raise ModuleNotFoundError(f"--format {name} needs {' and '.join(missing)}: pip install -e '.[{backend}]'")


def _check_output(output: Path, name: str, overwrite: bool) -> None:
    suffix = FORMATS[name].suffixes[0]
    if output.suffix != suffix:
        raise ValueError(f"--output is {output}; --format {name} writes a file that ends in {suffix}")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"the folder {output.parent} of --output does not exist")
    for file in _files(output, name):
        if file.is_dir():
            raise IsADirectoryError(f"{file} is a folder; --format {name} writes a file of that name")
        if file.exists() and not overwrite:
            raise FileExistsError(f"{file} exists already: choose another --output, or replace it with --overwrite")


def _files(output: Path, name: str) -> list[Path]:
    return [output.with_suffix(suffix) for suffix in FORMATS[name].suffixes]


def _move(folder: Path, files: Sequence[Path]) -> None:
    """Give finished files their names.

    One file takes an earlier one's place at once. Two cannot: the one that a program opens, the first, goes first and
    comes last, so that it never lies beside a .bin of other weights, which would fit it. A process killed in between
    leaves the earlier two in the folder ending in ``.unfinished``.
    """
    earlier = []
    if len(files) > 1:
        earlier = [file for file in files if file.exists()]
    aside = folder / "earlier"
    aside.mkdir()
    try:
        for file in earlier:
            os.replace(file, aside / file.name)
        for file in reversed(files):
            os.replace(folder / file.name, file)
    except OSError:
        for file in reversed(earlier):
            if (aside / file.name).exists():
                os.replace(aside / file.name, file)
        raise
