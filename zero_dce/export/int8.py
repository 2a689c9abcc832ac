"""Convolutions in 8-bit integers: a file of half the size, quicker where a processor multiplies such numbers fast."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.contents import ExportedNetwork
from zero_dce.images.decode import decode_within

if TYPE_CHECKING:
    import onnx

# Pictures are this long at most: ranges need no detail.
CALIBRATION_SIDE = 256
# One picture of so many is kept from the calibration, and measured afterwards.
HELD_OUT = 4
# Of a folder, so many pictures at most, evenly chosen.
MOST_PICTURES = 40
# Below this, differences show in smooth skies as steps.
LEAST_PSNR = 40.0
# The first and the last layer.
ENDS = ("e_conv1.", "e_conv7.")
# The exposures of the package's own photographs, in stops.
SAMPLE_EV = (0, -1, -2, -3, -4)


def calibration_pictures(folder: Path | None) -> tuple[list[FloatArray], list[FloatArray]]:
    """Return pictures to take ranges from, and others to measure the loss on, 1 x 3 x H x W, range [0, 1].

    Args:
        folder: of the user's pictures; ``None`` is the package's photographs, at exposures of 0 to -4 stops.

    Raises:
        FileNotFoundError: if there is no such folder, or no picture in it.
        ValueError: if it holds fewer than :data:`HELD_OUT` pictures.
    """
    pictures = list(_sample() if folder is None else _of_folder(folder))
    held_out = pictures[HELD_OUT - 1 :: HELD_OUT]
    return [picture for index, picture in enumerate(pictures) if (index + 1) % HELD_OUT], held_out


def quantize(model: onnx.ModelProto, pictures: Sequence[FloatArray], kept: tuple[str, ...] = ENDS) -> onnx.ModelProto:
    """Return a network's model with its convolutions in int8, but for the first and the last layer.

    They have few channels, and are a sixth of the work, but most of the loss. All else is in float32: the curves, and
    the network once more where it looks for an exposure on a small copy. Weights have a scale per output channel, and
    7 bits: with 8, processors without VNNI saturate.

    Args:
        model: see :func:`zero_dce.export.graphs.network_model`.
        pictures: see :func:`calibration_pictures`.
        kept: how the names of the layers begin that stay in float32.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with TemporaryDirectory() as folder, _without_advice():
        file = Path(folder) / "int8.onnx"
        quantize_static(
            # What it is given, it changes.
            onnx.load_from_string(model.SerializeToString()),
            file,
            _Pictures(pictures),
            quant_format=QuantFormat.QDQ,
            nodes_to_quantize=_convolutions(model, kept),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(file)


def least_psnr(exported: ExportedNetwork, reference: ExportedNetwork, pictures: Sequence[FloatArray]) -> float:
    """Return the lowest PSNR, in dB, of enhanced pictures against those in float32."""
    errors = [np.mean((exported(picture)[0] - reference(picture)[0]) ** 2) for picture in pictures]
    # NumPy's maximum is no number where an error is none; Python's may pass over it.
    return float(-10 * np.log10(np.max([*errors, 1e-12])))


class _Pictures:
    """Gives a quantizer one picture after the other."""

    def __init__(self, pictures: Sequence[FloatArray]) -> None:
        self._left = iter(pictures)

    def get_next(self) -> dict[str, FloatArray] | None:
        picture = next(self._left, None)
        return None if picture is None else {"image": picture}


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep the quantizer from advising to simplify the graph first, which nothing in it needs."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _convolutions(model: onnx.ModelProto, kept: tuple[str, ...]) -> list[str]:
    """Return the convolutions on the whole picture, but for those of the layers that are kept."""
    whole = {node.input[1]: node.name for node in reversed(model.graph.node) if node.op_type == "Conv"}
    return [name for weight, name in whole.items() if not weight.startswith(kept)]


def _of_folder(folder: Path) -> Iterator[FloatArray]:
    from zero_dce.data.index import find_folder

    if not folder.is_dir():
        raise FileNotFoundError(f"--calibrate is {folder}, which is no folder; expected one of pictures like yours")
    files = [folder / frame.path for frame in find_folder(folder).entries]
    if len(files) < HELD_OUT:
        raise ValueError(
            f"--calibrate is {folder}, which holds {len(files)} pictures; expected at least {HELD_OUT}: one of each "
            f"{HELD_OUT} is kept to measure the loss on"
        )
    for file in files[:: -(-len(files) // MOST_PICTURES)]:
        yield _as_input(decode_within(file, CALIBRATION_SIDE))


def _sample() -> Iterator[FloatArray]:
    from zero_dce.data.sample import PHOTOGRAPHS, photograph, photographs
    from zero_dce.images.light import srgb_to_linear

    generator = np.random.default_rng(0)
    for index, row in enumerate(photographs()):
        light = srgb_to_linear(decode_within(PHOTOGRAPHS / row["file"], CALIBRATION_SIDE))
        yield _as_input(photograph(light, SAMPLE_EV[index % len(SAMPLE_EV)], generator))


def _as_input(pixels: FloatArray) -> FloatArray:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255))
