"""Writing a network in a format, checked before it gets its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from zero_dce.export.check import (
    CHECKED_SHAPES,
    FINISHED_DIFFERENCE,
    WHOLE_SHAPES,
    largest_difference,
    reference_for,
)
from zero_dce.export.contents import Contents
from zero_dce.export.finish import Finish
from zero_dce.export.formats import FORMATS, Format, write_model
from zero_dce.export.int8 import LEAST_PSNR, calibration_pictures, least_psnr, quantize
from zero_dce.export.provenance import provenance_of
from zero_dce.files import UNFINISHED, ensure_folder, make_durable, name_errors, sole_writer
from zero_dce.terminal import pip_install
from zero_dce.weights import read_weights

EXPORT_PRECISIONS = ("float32", "int8")
# Where the two files of a format wait while others take their places.
EARLIER = "earlier"


def export(
    path: str | Path,
    name: str,
    output: Path,
    overwrite: bool = False,
    *,
    finish: Finish | None = None,
    precision: str = "float32",
    calibrate: Path | None = None,
    license: str | None = None,
    training_data: str | None = None,
) -> str:
    """Write a network with its eight curve iterations, and compare it with PyTorch before it gets its name.

    The file takes ``image``, float32 N x 3 x H x W, RGB in [0, 1], of any N, H and W from 1. It gives ``enhanced``, of
    the same shape and range, and ``curve_maps``, N x 24 x H x W, of Zero-DCE++ N x 3 x H x W, in [-1, 1], where
    negative brightens. Zero-DCE++ sees the whole picture, factor 1. Of ncnn, N is 1; darktable takes no maps.

    Args:
        path: of the weights, see :func:`zero_dce.weights.read_weights`.
        name: one of :data:`zero_dce.export.formats.FORMATS`.
        output: ends as the format's files do; a second file is written beside it where the format has two.
        overwrite: whether earlier files may be replaced.
        finish: what is done to the enhanced picture; by default nothing.
        precision: ``float32``, or ``int8`` for the convolutions of ONNX: then the loss is measured on pictures.
        calibrate: a folder of pictures for ``int8``; ``None`` is the package's own.
        license: of the weights; known of the package's own.
        training_data: what they were trained on; known of the package's own.

    Returns:
        A few lines that say what was written and how it was checked.

    Raises:
        ModuleNotFoundError: if what the format needs is not installed.
        OSError: if there are no weights, or the file cannot be written, or exists and may not be replaced.
        ValueError: if the weights are none, the suffix is wrong, the format cannot hold what is asked for, or the file
            computes something else than PyTorch; then nothing is written.
    """
    form, finish = FORMATS[name], finish or Finish()
    files = _check_output(output, name)
    _check_options(name, finish, precision, calibrate)
    _check_installed(name)
    with sole_writer(output):
        folder = output.with_name(output.name + UNFINISHED)
        _clear(folder, files)
        _check_free(files, overwrite)
        contents = Contents(provenance_of(read_weights(path), license, training_data), finish)
        if form.check:
            form.check(output, contents)
        try:
            with name_errors(output, folder):
                folder.mkdir()
            with name_errors(output.parent, folder):
                write = partial(_write_int8, calibrate=calibrate) if precision == "int8" else _write_checked
                checked = write(contents, form, folder / output.name)
                _exchange(folder, files)
        finally:
            _clear(folder, files)
    return f"{' and '.join(map(str, files))}: {contents.weights.network}\n{checked}"


def _write_checked(contents: Contents, form: Format, file: Path) -> str:
    """Write a file, compare it with PyTorch, and say how."""
    finish, whole = contents.finish, not contents.finish.is_local
    form.write(contents, file)
    tolerated = form.tolerated if finish == Finish() else max(form.tolerated, FINISHED_DIFFERENCE)
    try:
        enhanced, maps = largest_difference(form.load(file), reference_for(contents), whole)
    except ValueError as error:
        raise ValueError(_refusal(form, file, str(error))) from error
    for difference, most in ((enhanced, tolerated), (maps, form.tolerated)):
        # A difference that is no number is refused too.
        if not difference <= most:
            raise ValueError(_refusal(form, file, f"differs from PyTorch by {difference:.2g}, more than {most:g}"))
    sizes = ", ".join(
        f"{n} x 3 x {height} x {width}" for n, height, width in (WHOLE_SHAPES if whole else CHECKED_SHAPES)
    )
    compared = f"{max(enhanced, maps):.1e} (at most {tolerated:g})"
    return f"largest difference from PyTorch: {compared}, by {_runtime(form)} on {sizes}"


def _write_int8(contents: Contents, form: Format, file: Path, calibrate: Path | None) -> str:
    """Write a file in int8, measure what it loses, and say that, also in the file."""
    from zero_dce.export.graphs import network_model

    pictures, held_out = calibration_pictures(calibrate)
    model = quantize(network_model(contents.weights, contents.finish), pictures)
    write_model(model, contents.metadata(), file)
    psnr = least_psnr(form.load(file), reference_for(contents), held_out)
    measured = f"{psnr:.1f} dB, the lowest of {len(held_out)} pictures that it was not calibrated on"
    if not psnr >= LEAST_PSNR:
        reason = (
            f"its PSNR to float32 is {measured}; expected at least {LEAST_PSNR:g}, below which differences show. "
            "Calibrate it on pictures like yours with --calibrate, or leave out --precision int8"
        )
        raise ValueError(_refusal(form, file, reason))
    write_model(model, {**contents.metadata(), "precision": "int8", "psnr_to_float32": f"{psnr:.1f}"}, file)
    return f"int8: PSNR to float32 is {measured}, by {_runtime(form)}"


def _refusal(form: Format, file: Path, reason: str) -> str:
    return f"{reason}; {file.name} was not written. Checked with {_runtime(form)}"


def _runtime(form: Format) -> str:
    module, title = form.runtime
    return f"{title} {import_module(module).__version__.partition('-')[0]}"


def _check_options(name: str, finish: Finish, precision: str, calibrate: Path | None) -> None:
    """Raise ValueError if the format cannot hold what is asked for."""
    form, default = FORMATS[name], Finish()
    for option in ("exposure", "stops", "denoise"):
        if getattr(finish, option) != getattr(default, option) and option not in form.finishes:
            raise ValueError(f"--format {name} cannot hold --{option} {getattr(finish, option)}: {form.why}")
    if precision not in EXPORT_PRECISIONS:
        raise ValueError(f"--precision is {precision!r}; expected one of {', '.join(EXPORT_PRECISIONS)}")
    if precision == "int8" and name != "onnx":
        raise ValueError("--precision int8 is written as --format onnx, which OpenVINO reads too")
    if calibrate and precision != "int8":
        raise ValueError("--calibrate is for --precision int8: in float32 there is nothing to calibrate")


def _check_installed(name: str) -> None:
    """Raise ModuleNotFoundError unless what a format is written and run with is installed."""
    missing = [package for package in FORMATS[name].needs if find_spec(package) is None]
    if missing:
        raise ModuleNotFoundError(f"--format {name} needs {' and '.join(missing)}: {pip_install(FORMATS[name].extra)}")


def _check_output(output: Path, name: str) -> list[Path]:
    """Return all files that are written."""
    suffix = FORMATS[name].suffixes[0]
    if output.suffix != suffix:
        raise ValueError(f"--output is {output}; --format {name} writes a file that ends in {suffix}")
    if not output.parent.is_dir():
        raise FileNotFoundError(f"the folder {output.parent} of --output does not exist")
    files = [output.with_suffix(suffix) for suffix in FORMATS[name].suffixes]
    for file in files:
        if file.is_dir():
            raise IsADirectoryError(f"{file} is a folder; --format {name} writes a file of that name")
    return files


def _check_free(files: Sequence[Path], overwrite: bool) -> None:
    for file in files:
        if file.exists() and not overwrite:
            raise FileExistsError(f"{file} exists already: choose another --output, or replace it with --overwrite")


def _exchange(folder: Path, files: Sequence[Path]) -> None:
    """Give finished files their names.

    One file takes an earlier one's place at once. Two cannot: the one that a program opens, the first, goes first and
    comes last, so that it never lies beside a .bin of other weights, which would fit it. Where this ends in between,
    :func:`_clear` puts the earlier two back.
    """
    make_durable(*(folder / file.name for file in files))
    if len(files) > 1:
        ensure_folder(folder / EARLIER)
        for file in filter(Path.exists, files):
            os.replace(file, folder / EARLIER / file.name)
    _move(folder, files)
    make_durable(files[0].parent)


def _clear(folder: Path, files: Sequence[Path]) -> None:
    """Remove the folder in which files were made, also that of a killed process; half an exchange is undone first."""
    if not files[0].exists():
        _move(folder / EARLIER, files)
    shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, files: Sequence[Path]) -> None:
    """Move what a folder has of these files to their places, the first one last."""
    for file in reversed(files):
        if (folder / file.name).exists():
            os.replace(folder / file.name, file)
