"""Programs as ONNX graphs: for ONNX Runtime, and for export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.graph.topology import groups_of
from zero_dce.enhance.pixels import WHITE, FloatArray
from zero_dce.weights import Weights

# Old enough for every runtime of the last years; IR 8 goes with it.
OPSET, IR_VERSION = 17, 8
TYPES = {"uint8": TensorProto.UINT8, "uint16": TensorProto.UINT16, "float32": TensorProto.FLOAT}


class OnnxOperations:
    """The network's operations as nodes of a graph, see :class:`zero_dce.enhance.graph.topology.Operations`.

    Values are called by their names. ``nodes`` and ``constants`` fill up while a program is built.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        (name,) = self._add(operation, inputs, 1, attributes)
        return name

    def _add(self, operation: str, inputs: Sequence[str], outputs: int, attributes: dict[str, Any]) -> list[str]:
        names = [f"{operation.lower()}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operation, list(inputs), names, **attributes))
        return names

    def stored(self, name: str, value: FloatArray) -> str:
        """Store a constant once and return its name."""
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, value: float) -> str:
        """Store a float32 number."""
        return self.stored(f"number_{value:.9g}", np.array(value, np.float32))

    def convolve(self, x: str, layer: str, relu: bool = False) -> str:
        """Add a convolution."""
        weight = self.weights.state[f"{layer}.weight"]
        names = [self.stored(f"{layer}.{part}", self.weights.state[f"{layer}.{part}"]) for part in ("weight", "bias")]
        y = self.node("Conv", x, *names, pads=[weight.shape[2] // 2] * 4, group=groups_of(weight))
        return self.node("Relu", y) if relu else y

    def concatenate(self, first: str, second: str) -> str:
        """Join channels."""
        return self.node("Concat", first, second, axis=1)

    def tanh(self, x: str) -> str:
        """Add a hyperbolic tangent."""
        return self.node("Tanh", x)

    def split(self, maps: str, parts: int) -> Sequence[str]:
        """Cut channels."""
        return self._add("Split", [maps], parts, {"axis": 1})

    def scale(self, x: str, factor: float) -> str:
        """Multiply."""
        return self.node("Mul", x, self.number(factor))

    def mean(self, parts: Sequence[str]) -> str:
        """Average."""
        return self.node("Mean", *parts)

    def curve(self, x: str, curve_map: str) -> str:
        """Add one step of the curve."""
        return self.node("Add", x, self.node("Mul", curve_map, self.node("Sub", self.node("Mul", x, x), x)))

    def constant(self, value: FloatArray) -> str:
        """Store a constant."""
        return self.stored(f"constant_{len(self.constants)}", value.astype(np.float32))

    def add(self, first: str, second: str) -> str:
        """Add a sum."""
        return self.node("Add", first, second)

    def subtract(self, first: str, second: str) -> str:
        """Add a difference."""
        return self.node("Sub", first, second)

    def multiply(self, first: str, second: str) -> str:
        """Add a product."""
        return self.node("Mul", first, second)

    def matmul(self, first: str, second: str) -> str:
        """Add a product of matrices."""
        return self.node("MatMul", first, second)

    def relu(self, x: str) -> str:
        """Add a ReLU."""
        return self.node("Relu", x)

    def root(self, x: str) -> str:
        """Add a square root."""
        return self.node("Sqrt", x)

    def absolute(self, x: str) -> str:
        """Add an absolute value."""
        return self.node("Abs", x)

    def limit(self, x: str, low: str, high: str) -> str:
        """Add limits."""
        return self.node("Min", self.node("Max", x, low), high)

    def average(self, x: str, size: int, stride: int) -> str:
        """Add an average over windows."""
        return self.node("AveragePool", x, kernel_shape=[size] * 2, strides=[stride] * 2)

    def crop(self, x: str, top: int, left: int, bottom: int, right: int) -> str:
        """Cut off rows and columns; an end of 0 from behind would be the beginning."""
        ends = [-cut if cut else np.iinfo(np.int64).max for cut in (bottom, right)]
        return self.node("Slice", x, *(self._integers(values) for values in ([top, left], ends, [2, 3])))

    def reshape(self, x: str, *shape: int) -> str:
        """Change the shape."""
        return self.node("Reshape", x, self._integers(shape))

    def _integers(self, values: Sequence[int]) -> str:
        return self.stored("integers_" + "_".join(map(str, values)), np.array(values, np.int64))


def pixels_model(
    weights: Weights, program: Program, inputs: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]
) -> onnx.ModelProto:
    """Build a program on pictures as they are stored, 1 x H x W x C, of any size, and on other arrays.

    Args:
        weights: of the network.
        program: what to compute.
        inputs: shape and type of each input; of pictures only the number of channels matters.
    """
    operations = OnnxOperations(weights)
    names = [f"input_{index}" for index in range(len(inputs))]
    pictures = program.pictures
    images = [_from_pixels(operations, name, dtype) for name, (_, dtype) in zip(names, inputs[:pictures], strict=False)]
    outputs = list(program.build(operations, [*images, *names[pictures:]]))
    first = inputs[0][1] if program.picture_out else np.dtype(np.float32)
    outputs[0] = _to_levels(operations, outputs[0], first)
    results = [operations.node("Transpose", name, perm=[0, 2, 3, 1]) for name in outputs]
    types = [first, *[np.dtype(np.float32)] * (len(outputs) - 1)]
    return finish(
        operations,
        program.name,
        [
            helper.make_tensor_value_info(
                name,
                TYPES[dtype.name],
                [1, f"height_{name}", f"width_{name}", shape[2]] if index < pictures else shape,
            )
            for index, (name, (shape, dtype)) in enumerate(zip(names, inputs, strict=True))
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
        name = operations.scale(operations.node("Cast", name, to=TensorProto.FLOAT), 1 / WHITE[dtype])
    return operations.node("Transpose", name, perm=[0, 3, 1, 2])


def _to_levels(operations: OnnxOperations, name: str, dtype: np.dtype[Any]) -> str:
    if dtype == np.float32:
        return name
    rounded = operations.node("Round", operations.scale(name, WHITE[dtype]))
    return operations.node("Cast", rounded, to=TYPES[dtype.name])
