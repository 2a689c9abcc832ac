"""Write a network as a file that runs without this package.

``python -m zero_dce.export --format onnx --output zero_dce.onnx --exposure auto --weights FILE_OR_DIR``

The eight curve iterations are inside, and batch (not of ncnn), height and width are free, from 1 x 1 pixel:

- input ``image``: float32, N x 3 x H x W, RGB, range [0, 1];
- output ``enhanced``: the same;
- output ``curve_maps``: float32, N x 24 x H x W, of Zero-DCE++ N x 3 x H x W, range [-1, 1], negative brightens.

What follows the network is inside too, where it is asked for: an exposure that is found from the whole picture
(--exposure, in ONNX and OpenVINO), a given one (--stops), and smoothing (--denoise, not in ncnn).

Zero-DCE++ estimates its map on the whole picture (factor 1). Before the file gets its name, its runtime computes three
pictures (four with --exposure) on the CPU in float32, and the largest difference from PyTorch is printed; above 1e-5
(ncnn 1e-4, exposed or smoothed 1e-3) no file is written and the exit code is 1. --precision int8 measures its loss on
photographs instead, and writes nothing below 40 dB. The file says which network it holds, the hash of the weights and
this package's version.

ONNX (opset 17) in ONNX Runtime, with Pillow to read and write pictures (``pip install onnxruntime pillow``)::

    import numpy as np
    import onnxruntime
    from PIL import Image, ImageOps

    session = onnxruntime.InferenceSession("zero_dce.onnx", providers=["CPUExecutionProvider"])
    photo = ImageOps.exif_transpose(Image.open("dark.jpg")).convert("RGB")
    image = np.asarray(photo, np.float32).transpose(2, 0, 1)[None] / 255
    (enhanced,) = session.run(["enhanced"], {"image": image})
    pixels = (enhanced[0].transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save("enhanced.png")

Of a large photograph compute tiles: a DCE-Net takes about 1.1 GB a megapixel there. Inside a tile, 7 pixels from its
edges (13 with --denoise), the result is that of the whole photograph, but not with --exposure.

OpenVINO, an .xml and a .bin that stay beside each other; processors with bfloat16 compute in it unless told otherwise,
and find an exposure less exactly::

    model = openvino.Core().compile_model("zero_dce.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    enhanced = model({"image": image})["enhanced"]

PyTorch, a .pt2::

    enhanced, curve_maps = torch.export.load("zero_dce.pt2").module()(torch.from_numpy(image))

ncnn, a .param and a .bin, with inputs and outputs of the same names. darktable, a .dtmodel: preferences, AI, import
from file; its module "neural restore" then runs it as "denoise".
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from zero_dce.enhance.trained import TRAINED
from zero_dce.export.finish import Finish, finish_for
from zero_dce.export.formats import FORMATS
from zero_dce.export.write import EXPORT_PRECISIONS, export
from zero_dce.exposure.setting import parse_exposure
from zero_dce.terminal import errors_as_messages, tell
from zero_dce.weights import path_or_address


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    with errors_as_messages():
        finish = finish_for(options.exposure, options.stops, options.denoise)
        written = export(
            options.weights,
            options.format,
            options.output,
            options.overwrite,
            finish=finish,
            precision=options.precision,
            calibrate=options.calibrate,
            license=options.license,
            training_data=options.training_data,
        )
        tell(written)
        if options.weights == TRAINED and finish == Finish():
            print("The package's own weights change next to nothing by themselves: give --exposure auto, or --stops 2")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zero_dce.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights",
        type=path_or_address,
        default=TRAINED,
        metavar="FILE_OR_DIR",
        help="a checkpoint, a picked folder or a run's, or hf://USER/NAME; by default the package's own",
    )
    parser.add_argument("--format", choices=FORMATS, required=True, help="which runtime the file is for")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="ends in .onnx, .xml (OpenVINO), .pt2 (PyTorch), .param (ncnn) or .dtmodel (darktable)",
    )
    _add_finish(parser)
    parser.add_argument(
        "--precision",
        default="float32",
        metavar="|".join(EXPORT_PRECISIONS),
        help="of the convolutions; int8, of ONNX, but for the first and the last layer",
    )
    parser.add_argument(
        "--calibrate",
        type=Path,
        metavar="DIR",
        help="pictures like yours, at least 4, to take the ranges of int8 from; by default the package's",
    )
    parser.add_argument("--license", metavar="TEXT", help="of the weights, as MIT; darktable shows it, and needs it")
    parser.add_argument("--training-data", metavar="TEXT", help="what the weights were trained on; darktable shows it")
    parser.add_argument("--overwrite", action="store_true", help="replace files of that name")
    return parser


def _add_finish(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--exposure",
        type=parse_exposure,
        default="off",
        metavar="auto|off|MEAN",
        help="as of zero_dce.enhance, found from the whole picture: a brightness that suits it, or a mean of 0.05 to "
        "0.95; by default off. In ONNX and OpenVINO",
    )
    parser.add_argument(
        "--stops",
        type=float,
        default=0.0,
        metavar="EV",
        help="instead: expose each picture by so many stops, from -8 to 8, which can be computed in tiles",
    )
    parser.add_argument(
        "--denoise",
        type=float,
        metavar="LEVELS",
        help="as of zero_dce.enhance: the noise to smooth, in 255ths; by default 1 with --exposure, else 0",
    )


if __name__ == "__main__":
    main()
