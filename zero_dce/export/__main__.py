"""Write a network as a file that runs without this package.

``python -m zero_dce.export --weights FILE_OR_DIR --format onnx --output zero_dce.onnx``

The eight curve iterations are inside, and batch, height and width are free, from 1 x 1 pixel:

- input ``image``: float32, N x 3 x H x W, RGB, range [0, 1];
- output ``enhanced``: the same;
- output ``curve_maps``: float32, N x 24 x H x W, of Zero-DCE++ N x 3 x H x W, range [-1, 1], negative brightens.

Zero-DCE++ estimates its map on the whole picture (factor 1). Before the file gets its name, its runtime computes three
pictures on the CPU in float32, and the largest difference from PyTorch is printed; above 1e-5 no file is written and
the exit code is 1. The file says which network it holds, the hash of the weights and this package's version.

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
edges, the result is that of the whole photograph.

OpenVINO, an .xml and a .bin that stay beside each other; processors with bfloat16 compute in it unless told otherwise::

    model = openvino.Core().compile_model("zero_dce.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    enhanced = model({"image": image})["enhanced"]

PyTorch, a .pt2::

    enhanced, curve_maps = torch.export.load("zero_dce.pt2").module()(torch.from_numpy(image))
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from zero_dce.export.formats import FORMATS
from zero_dce.export.write import export
from zero_dce.terminal import errors_as_messages
from zero_dce.weights import path_or_address


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    with errors_as_messages():
        print(export(options.weights, options.format, options.output, options.overwrite))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zero_dce.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights",
        type=path_or_address,
        required=True,
        metavar="FILE_OR_DIR",
        help="a checkpoint, a picked folder or a run's, or hf://USER/NAME",
    )
    parser.add_argument("--format", choices=FORMATS, required=True, help="which runtime the file is for")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="ends in .onnx, .xml (OpenVINO) or .pt2 (PyTorch)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files of that name")
    return parser


if __name__ == "__main__":
    main()
