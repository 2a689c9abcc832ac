"""Programs as ONNX graphs, which OpenVINO and ONNX Runtime run; networks are exported in such graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zero_dce.enhance.graph.programs import Program, groups_of
from zero_dce.enhance.graph.values import TO_END, GraphValue
from zero_dce.enhance.pixels import WHITE, FloatArray
from zero_dce.weights import Weights

# Old enough for every runtime of the last years; IR 8 goes with it.
OPSET, IR_VERSION = 17, 8
TYPES = {"uint8": TensorProto.UINT8, "uint16": TensorProto.UINT16, "float32": TensorProto.FLOAT}


class OnnxGraph:
    """A graph to which :class:`zero_dce.enhance.graph.programs.Operations` add nodes and constants."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def node(self, operation: str, *inputs: GraphValue | float | Sequence[int], **attributes: Any) -> GraphValue:
        """Add a node and return its output; inputs that are numbers or indices become constants."""
        (value,) = self._add(operation, inputs, 1, **attributes)
        return value

    def _add(
        self, operation: str, inputs: Sequence[GraphValue | float | Sequence[int]], outputs: int, **attributes: Any
    ) -> list[GraphValue]:
        names = [f"{operation.lower()}_{len(self._nodes)}_{index}" for index in range(outputs)]
        taken = [self._name(value) for value in inputs]
        self._nodes.append(helper.make_node(operation, taken, names, name=names[0], **attributes))
        return [GraphValue(self, name) for name in names]

    def _name(self, value: GraphValue | float | Sequence[int]) -> str:
        if isinstance(value, GraphValue):
            return value.name
        if isinstance(value, int | float):
            return self._store(f"number_{value:.9g}", np.array(value, np.float32)).name
        return self._store("integers_" + "_".join(map(str, value)), np.array(value, np.int64)).name

    def _store(self, name: str, value: FloatArray) -> GraphValue:
        """Store a constant, once."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return GraphValue(self, name)

    def convolve(self, x: GraphValue, layer: str, relu: bool = False) -> GraphValue:
        """Add a convolution."""
        weight, bias = self.weights.state[f"{layer}.weight"], self.weights.state[f"{layer}.bias"]
        stored = self._store(f"{layer}.weight", weight), self._store(f"{layer}.bias", bias)
        y = self.node("Conv", x, *stored, pads=[weight.shape[2] // 2] * 4, group=groups_of(weight))
        return y.relu() if relu else y

    def concatenate(self, first: GraphValue, second: GraphValue) -> GraphValue:
        """Join channels."""
        return self.node("Concat", first, second, axis=1)

    def tanh(self, x: GraphValue) -> GraphValue:
        """Add a hyperbolic tangent."""
        return self.node("Tanh", x)

    def split(self, maps: GraphValue, parts: int) -> list[GraphValue]:
        """Cut channels."""
        return self._add("Split", [maps], parts, axis=1)

    def mean(self, parts: Sequence[GraphValue]) -> GraphValue:
        """Average."""
        return self.node("Mean", *parts)

    def curve(self, x: GraphValue, curve_map: GraphValue) -> GraphValue:
        """Add one step of the curve."""
        return x + curve_map * (x * x - x)

    def constant(self, value: FloatArray) -> GraphValue:
        """Store a constant."""
        return self._store(f"constant_{len(self._constants)}", value.astype(np.float32))

    def average(self, x: GraphValue, size: int, stride: int) -> GraphValue:
        """Add an average over windows."""
        return self.node("AveragePool", x, kernel_shape=[size] * 2, strides=[stride] * 2)

    def crop(self, x: GraphValue, top: int, left: int, bottom: int, right: int) -> GraphValue:
        """Cut off rows and columns; an end of -0 would be the beginning."""
        ends = [-cut if cut else TO_END for cut in (bottom, right)]
        return self.node("Slice", x, [top, left], ends, [2, 3])

    def name_output(self, value: GraphValue, name: str) -> None:
        """Give a value the name by which programs ask for it."""
        # An Identity node would do the same, but older releases of OpenVINO have no such operation.
        for node in self._nodes:
            for names in (node.input, node.output):
                for index, used in enumerate(names):
                    if used == value.name:
                        names[index] = name

    def model(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """Return the graph as a checked model."""
        graph = helper.make_graph(self._nodes, name, inputs, outputs, list(self._constants.values()))
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="zero_dce")
        onnx.checker.check_model(model, full_check=True)
        return model


def program_model(weights: Weights, program: Program, inputs: Sequence[FloatArray]) -> onnx.ModelProto:
    """Build a program on pictures as they are stored, 1 x H x W x C, of any size, and on other arrays.

    Args:
        weights: of the network.
        program: what to compute.
        inputs: as :meth:`zero_dce.enhance.graph.Backend.run` takes them. Only their types count, the shapes of the
            arrays that are no pictures, and the pictures' numbers of channels.
    """
    graph = OnnxGraph(weights)
    declared, values = [], []
    for index, array in enumerate(inputs):
        name = f"input_{index}"
        value, shape = GraphValue(graph, name), list(array.shape)
        if index < program.pictures:
            value, shape = _from_pixels(value, array.dtype), [1, f"height_{name}", f"width_{name}", array.shape[2]]
        values.append(value)
        declared.append(helper.make_tensor_value_info(name, TYPES[array.dtype.name], shape))
    results = []
    for index, value in enumerate(program.build(graph, values)):
        dtype = inputs[0].dtype if index == 0 and program.picture_out else np.dtype(np.float32)
        pixels = graph.node("Transpose", _to_levels(value, dtype), perm=[0, 2, 3, 1])
        results.append(helper.make_tensor_value_info(pixels.name, TYPES[dtype.name], [1, "height", "width", None]))
    return graph.model(program.name, declared, results)


def feed(program: Program, inputs: Sequence[FloatArray]) -> list[FloatArray]:
    """Return the inputs of a program as its graph takes them."""
    arrays = []
    for index, array in enumerate(inputs):
        contiguous = np.ascontiguousarray(array)
        arrays.append(contiguous[None] if index < program.pictures else contiguous)
    return arrays


def _from_pixels(value: GraphValue, dtype: np.dtype[Any]) -> GraphValue:
    if dtype != np.float32:
        value = value.graph.node("Cast", value, to=TensorProto.FLOAT) * (1 / WHITE[dtype])
    return value.graph.node("Transpose", value, perm=[0, 3, 1, 2])


def _to_levels(value: GraphValue, dtype: np.dtype[Any]) -> GraphValue:
    if dtype == np.float32:
        return value
    rounded = value.graph.node("Round", value * WHITE[dtype])
    return value.graph.node("Cast", rounded, to=TYPES[dtype.name])
