"""OpenVINO's own format: the graph in an .xml, its weights in a .bin beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
from openvino import opset15 as ops

from zero_dce.enhance.graph.openvino import OpenVINOOperations
from zero_dce.enhance.graph.topology import enhance
from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.formats import Run
from zero_dce.weights import Weights


def write(weights: Weights, file: Path, metadata: dict[str, str]) -> None:
    """Write the .xml and the .bin, weights in float32; see :class:`zero_dce.export.formats.Library`."""
    image = ops.parameter([-1, 3, -1, -1], np.float32, name="image")
    image.output(0).set_names({"image"})
    outputs = enhance(OpenVINOOperations(weights), image)
    for name, node in zip(("enhanced", "curve_maps"), outputs, strict=True):
        node.output(0).set_names({name})
    model = openvino.Model(list(outputs), [image], "zero_dce")
    for key, value in metadata.items():
        model.set_rt_info(value, ["zero_dce", key])
    openvino.save_model(model, file, compress_to_fp16=False)


def load(file: Path) -> Run:
    """Load the two files into OpenVINO."""
    core = openvino.Core()
    # A mapped file could not be moved on Windows.
    core.set_property({"ENABLE_MMAP": False})
    model = core.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        results = model({"image": image})
        return results["enhanced"], results["curve_maps"]

    return run


def describe() -> str:
    """Return the name and version of the runtime."""
    return f"OpenVINO {openvino.__version__.partition('-')[0]}"
