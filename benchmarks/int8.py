"""What int8 costs in quality: ``python benchmarks/int8.py PICTURES [--weights FILE ...]``.

PICTURES is a folder of photographs. Three of four calibrate, and the fourth is measured: the PSNR of its enhanced
picture in int8 to that in float32, for each choice of the layers that stay in float32; and how long ONNX Runtime takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.trained import TRAINED
from zero_dce.export.contents import ExportedNetwork
from zero_dce.export.finish import Finish
from zero_dce.export.formats import load_onnx, write_model
from zero_dce.export.graphs import network_model
from zero_dce.export.int8 import calibration_pictures, quantize
from zero_dce.weights import read_weights

# The layers that stay in float32, by the beginnings of their names.
KEPT = {"none": (), "the last": ("e_conv7.",), "the first and the last": ("e_conv1.", "e_conv7.")}
SIDE, REPEATS = 768, 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table in Markdown."""
    options = _parser().parse_args(arguments)
    calibration, held_out = calibration_pictures(options.pictures)
    print(f"{len(held_out)} pictures, {len(calibration)} others calibrate; one square of {SIDE} pixels is timed\n")
    print("| weights | in float32 | least PSNR | mean PSNR | kB | s |\n| --- | --- | --- | --- | --- | --- |")
    for file in options.weights:
        model = network_model(read_weights(file), Finish())
        exact = _load(model)
        _report(file, "all", exact, exact, held_out, model)
        for title, kept in KEPT.items():
            small = quantize(model, calibration, kept)
            _report(file, title, _load(small), exact, held_out, small)


def _report(
    file: Path, title: str, found: ExportedNetwork, exact: ExportedNetwork, pictures: Sequence[FloatArray], model: Any
) -> None:
    errors = [np.mean((found(picture)[0] - exact(picture)[0]) ** 2) for picture in pictures]
    levels = [-10 * np.log10(error) if error else np.inf for error in errors]
    size, seconds = len(model.SerializeToString()) / 1000, _seconds(found)
    print(
        f"| {file.stem} | {title} | {min(levels):.1f} | {np.mean(levels):.1f} | {size:.0f} | {seconds:.2f} |",
        flush=True,
    )


def _load(model: onnx.ModelProto) -> ExportedNetwork:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        write_model(model, {}, file)
        return load_onnx(file)


def _seconds(run: ExportedNetwork) -> float:
    image = np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32)
    run(image)
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        run(image)
        taken.append(time.perf_counter() - start)
    return min(taken)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="a folder of photographs")
    parser.add_argument("--weights", type=Path, nargs="+", default=[TRAINED], metavar="FILE", help="of networks")
    return parser


if __name__ == "__main__":
    main()
