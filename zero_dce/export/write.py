"""Writing a network in a format, checked before it gets its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from zero_dce import __version__
from zero_dce.export.formats import FORMATS, check_installed, load_library
from zero_dce.files import UNFINISHED
from zero_dce.weights import Weights, read_weights


def export(path: Path, name: str, output: Path, overwrite: bool = False) -> str:
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
    check_installed(name)
    weights = read_weights(path)
    with TemporaryDirectory(prefix=f"{output.name}.", suffix=UNFINISHED, dir=output.parent) as folder:
        checked = _write(weights, name, Path(folder) / output.name)
        files = _files(output, name)
        _move(Path(folder), files)
    return f"{' and '.join(map(str, files))}: {weights.network}\n{checked}"


def _write(weights: Weights, name: str, file: Path) -> str:
    """Write a file, compare it with PyTorch, and say how."""
    # Here, where they are needed: PyTorch takes seconds to import.
    from zero_dce.export.check import SHAPES, TOLERANCE, largest_difference
    from zero_dce.networks import make_network, weights_hash

    library, network = load_library(name), make_network(weights)
    metadata = {"network": weights.network, "weights_sha256": weights_hash(network), "zero_dce_version": __version__}
    library.write(weights, file, metadata)
    try:
        difference = largest_difference(library.load(file), network)
    except ValueError as error:
        raise ValueError(f"{error}; {file.name} was not written. Checked with {library.describe()}") from error
    shapes = ", ".join(f"{n} x 3 x {height} x {width}" for n, height, width in SHAPES)
    compared = f"{difference:.1e} (at most {TOLERANCE:g})"
    return f"largest difference from PyTorch: {compared}, by {library.describe()} on {shapes}"


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
    earlier = [file for file in files if file.exists()] if len(files) > 1 else []
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
