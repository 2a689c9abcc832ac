"""What int8 costs in quality: ``python benchmarks/int8.py PICTURES [--weights FILE ...]``.

PICTURES is a folder of photographs. Three of four calibrate, and the fourth is measured: the PSNR of its enhanced
picture in int8 to that in float32, for each choice of the layers that stay in float32; and how long ONNX Runtime takes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from publishing import publish

from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.trained import TRAINED
from zero_dce.export.contents import ExportedNetwork
from zero_dce.export.finish import Finish
from zero_dce.export.formats import load_onnx, write_model
from zero_dce.export.graphs import network_model
from zero_dce.export.int8 import calibration_pictures, quantize
from zero_dce.records.environment import describe_environment
from zero_dce.weights import read_weights

# The layers that stay in float32, by the beginnings of their names.
KEPT = {"none": (), "the last": ("e_conv7.",), "the first and the last": ("e_conv1.", "e_conv7.")}
SIDE, REPEATS = 768, 5


def main() -> None:
    """Measure, and print a table in Markdown."""
    options = _parser().parse_args()
    try:
        calibration, held_out = calibration_pictures(options.pictures)
        rows = [row for file in options.weights for row in _measure(file, calibration, held_out)]
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    environment = describe_environment("")
    hardware = environment["hardware"]
    lines = [
        f"{hardware['processor']}, {hardware['cores']} cores; ONNX Runtime {onnxruntime.__version__}; {len(held_out)} "
        f"pictures measured, {len(calibration)} others calibrated on; a square of {SIDE} pixels timed\n",
        "| weights | in float32 | least PSNR | mean PSNR | kB | s |\n| --- | --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {row['weights']} | {row['kept']} | {row['least']:.1f} | {row['mean']:.1f} | {row['kB']:.0f} "
            f"| {row['s']:.2f} |"
            for row in rows
        ),
    ]
    publish("\n".join(lines) + "\n", options.output, environment, {"rows": rows})


def _measure(
    file: Path, calibration: Sequence[FloatArray], held_out: Sequence[FloatArray]
) -> Iterator[dict[str, str | float]]:
    model = network_model(read_weights(file), Finish())
    exact = _load(model)
    models = {"all": model, **{title: quantize(model, calibration, kept) for title, kept in KEPT.items()}}
    for title, small in models.items():
        found = _load(small)
        errors = [np.mean((found(picture)[0] - exact(picture)[0]) ** 2) for picture in held_out]
        levels = [float(-10 * np.log10(error)) if error else np.inf for error in errors]
        yield {
            "weights": file.stem,
            "kept": title,
            "least": min(levels),
            "mean": float(np.mean(levels)),
            "kB": len(small.SerializeToString()) / 1000,
            "s": _seconds(found),
        }


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
    parser.add_argument("--output", type=Path, help="Markdown file; the JSON goes beside it")
    parser.add_argument("--weights", type=Path, nargs="+", default=[TRAINED], metavar="FILE", help="of networks")
    return parser


if __name__ == "__main__":
    main()
