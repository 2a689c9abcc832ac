"""Programs as ONNX graphs: for ONNX Runtime, and for export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zero_dce.enhancement.pixels import LEVELS, Array
from zero_dce.enhancement.programs import Program
from zero_dce.weights import Weights

# Old enough for every runtime of the last years; IR 8 goes with it.
OPSET, IR_VERSION = 17, 8
TYPES = {"uint8": TensorProto.UINT8, "uint16": TensorProto.UINT16, "float32": TensorProto.FLOAT}


class OnnxOperations:
    """The network's operations as nodes of a graph, see :class:`zero_dce.enhancement.topology.Operations`.

    Values are called by their names. ``nodes`` and ``constants`` fill up while a program is built.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        (name,) = self._add(operation, inputs, 1, attributes)
        return name

    def _add(self, operation: str, inputs: Sequence[str], outputs: int, attributes: dict[str, Any]) -> list[str]:
        names = [f"{operation.lower()}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operation, list(inputs), names, **attributes))
        return names

    def constant(self, name: str, value: Array) -> str:
        """Store a constant once and return its name."""
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, value: float) -> str:
        """Store a float32 number."""
        return self.constant(f"number_{value:.9g}", np.array(value, np.float32))

    def convolve(self, x: str, layer: str, relu: bool = False) -> str:
        """Add a convolution."""
        weight = self.weights.state[f"{layer}.weight"]
        names = [self.constant(f"{layer}.{part}", self.weights.state[f"{layer}.{part}"]) for part in ("weight", "bias")]
        groups = len(weight) if weight.shape[1] == 1 and weight.shape[2] > 1 else 1
        y = self.add("Conv", x, *names, pads=[weight.shape[2] // 2] * 4, group=groups)
        return self.add("Relu", y) if relu else y

    def concatenate(self, first: str, second: str) -> str:
        """Join channels."""
        return self.add("Concat", first, second, axis=1)

    def tanh(self, x: str) -> str:
        """Add a hyperbolic tangent."""
        return self.add("Tanh", x)

    def split(self, maps: str, parts: int) -> Sequence[str]:
        """Cut channels."""
        return self._add("Split", [maps], parts, {"axis": 1})

    def scale(self, x: str, factor: float) -> str:
        """Multiply."""
        return self.add("Mul", x, self.number(factor))

    def mean(self, parts: Sequence[str]) -> str:
        """Average."""
        return self.add("Mean", *parts)

    def curve(self, x: str, curve_map: str) -> str:
        """Add one step of the curve."""
        return self.add("Add", x, self.add("Mul", curve_map, self.add("Sub", self.add("Mul", x, x), x)))


def pixels_model(weights: Weights, program: Program, inputs: Sequence[tuple[int, np.dtype[Any]]]) -> onnx.ModelProto:
    """Build a program on pictures as they are stored, 1 x H x W x C, of any size.

    Args:
        weights: of the network.
        program: what to compute.
        inputs: channels and type of each input.
    """
    operations = OnnxOperations(weights)
    names = [f"input_{index}" for index in range(len(inputs))]
    images = [_from_pixels(operations, name, dtype) for name, (_, dtype) in zip(names, inputs, strict=True)]
    outputs = list(program.build(operations, images))
    first = inputs[0][1] if program.picture_out else np.dtype(np.float32)
    outputs[0] = _to_levels(operations, outputs[0], first)
    results = [operations.add("Transpose", name, perm=[0, 2, 3, 1]) for name in outputs]
    types = [first, *[np.dtype(np.float32)] * (len(outputs) - 1)]
    return finish(
        operations,
        program.name,
        [
            helper.make_tensor_value_info(name, TYPES[dtype.name], [1, f"height_{name}", f"width_{name}", channels])
            for name, (channels, dtype) in zip(names, inputs, strict=True)
        ],
        [
            helper.make_tensor_value_info(name, TYPES[dtype.name], [1, "height", "width", None])
            for name, dtype in zip(results, types, strict=True)
        ],
    )


def finish(
    operations: OnnxOperations,
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    """Make a model of what was added to ``operations``, and check it."""
    graph = helper.make_graph(operations.nodes, name, inputs, outputs, list(operations.constants.values()))
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="zero_dce"
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _from_pixels(operations: OnnxOperations, name: str, dtype: np.dtype[Any]) -> str:
    if dtype != np.float32:
        name = operations.scale(operations.add("Cast", name, to=TensorProto.FLOAT), 1 / LEVELS[dtype])
    return operations.add("Transpose", name, perm=[0, 3, 1, 2])


def _to_levels(operations: OnnxOperations, name: str, dtype: np.dtype[Any]) -> str:
    if dtype == np.float32:
        return name
    rounded = operations.add("Round", operations.scale(name, LEVELS[dtype]))
    return operations.add("Cast", rounded, to=TYPES[dtype.name])
