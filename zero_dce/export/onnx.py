"""ONNX: written node by node, without PyTorch's exporter; run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
from onnx import TensorProto, helper

from zero_dce.enhance.graph.onnx_graph import OnnxOperations, finish
from zero_dce.enhance.graph.topology import enhance
from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.formats import Run
from zero_dce.weights import MAPS, Weights


def write(weights: Weights, file: Path, metadata: dict[str, str]) -> None:
    """Write one file, opset 17; see :class:`zero_dce.export.formats.Library`."""
    operations = OnnxOperations(weights)
    for name, node in zip(("enhanced", "curve_maps"), enhance(operations, "image"), strict=True):
        operations.nodes.append(helper.make_node("Identity", [node], [name]))
    outputs = [_value("enhanced", 3), _value("curve_maps", MAPS[weights.network])]
    model = finish(operations, "enhance", [_value("image", 3)], outputs)
    helper.set_model_props(model, metadata)
    onnx.save(model, file)


def load(file: Path) -> Run:
    """Load a file into ONNX Runtime."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        enhanced, curve_maps = session.run(["enhanced", "curve_maps"], {"image": image})
        return enhanced, curve_maps

    return run


def describe() -> str:
    """Return the name and version of the runtime."""
    return f"ONNX Runtime {onnxruntime.__version__}"


def _value(name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, "height", "width"])
