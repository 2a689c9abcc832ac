"""The quickest way on a CPU: OpenVINO, one graph from stored pixels to stored pixels, without PyTorch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

import numpy as np
import openvino
from openvino import opset15 as ops

from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.graph.topology import groups_of
from zero_dce.enhance.pixels import WHITE, FloatArray
from zero_dce.weights import Weights

# Graphs kept, one a program and shape; each holds buffers. A camera's pictures have two shapes: upright and sideways.
MOST_GRAPHS = 8
PRECISIONS = {"bfloat16": "bf16", "float32": "f32"}
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


class OpenVINOBackend:
    """Runs programs in OpenVINO on the CPU, see :class:`zero_dce.enhance.graph.Backend`."""

    name = "openvino"
    # Windows of about a quarter of a megapixel stay in the cache.
    tile = 512
    # While one tile is computed, another one is cut out or put back.
    workers = 2

    def __init__(self, weights: Weights, precision: str) -> None:
        self.weights = weights
        self.precision = precision
        self._core = openvino.Core()
        self._graphs: OrderedDict[tuple[Any, ...], _Graph] = OrderedDict()
        self._lock = Lock()

    @staticmethod
    def precisions() -> tuple[str, ...]:
        """Return what this processor computes convolutions in, quickest first."""
        capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("bfloat16", "float32") if "BF16" in capabilities else ("float32",)

    def begin_thread(self) -> None:
        """Nothing is kept for a thread."""

    def end_threads(self, workers: int) -> None:
        """Nothing was."""

    def run(self, program: Program, *inputs: FloatArray) -> tuple[FloatArray, ...]:
        """Compute a program."""
        return self._graph(program, inputs).run(inputs)

    def _graph(self, program: Program, inputs: Sequence[FloatArray]) -> _Graph:
        key = (program, *((array.shape, array.dtype) for array in inputs))
        with self._lock:
            if key not in self._graphs:
                model = build_model(self.weights, program, [(array.shape, array.dtype) for array in inputs])
                self._graphs[key] = _Graph(self._compile(model), program.pictures)
                if len(self._graphs) > MOST_GRAPHS:
                    self._graphs.popitem(last=False)
            self._graphs.move_to_end(key)
            return self._graphs[key]

    def _compile(self, model: openvino.Model) -> openvino.CompiledModel:
        settings = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[self.precision],
            # All cores on one tile: half the memory of a tile a core, and as quick.
            "PERFORMANCE_HINT": "LATENCY",
        }
        return self._core.compile_model(model, "CPU", settings)


def build_model(
    weights: Weights, program: Program, inputs: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]
) -> openvino.Model:
    """Build the graph of a program: inputs and outputs are 1 x H x W x C, as pixels lie in memory.

    Args:
        weights: of the network.
        program: what to compute.
        inputs: shape H x W x C (-1 for any size) and type of each input.
    """
    pictures = program.pictures
    parameters = [
        ops.parameter([1, *shape] if index < pictures else list(shape), dtype)
        for index, (shape, dtype) in enumerate(inputs)
    ]
    images = [_from_pixels(node, dtype) for node, (_, dtype) in zip(parameters, inputs[:pictures], strict=False)]
    outputs = list(program.build(OpenVINOOperations(weights), [*images, *parameters[pictures:]]))
    if program.picture_out:
        outputs[0] = _to_levels(outputs[0], inputs[0][1])
    return openvino.Model([ops.transpose(node, _constant(TO_CHANNELS_LAST)) for node in outputs], parameters)


class _Graph:
    """A compiled model and its requests: one for each thread that computes at the same time."""

    def __init__(self, model: openvino.CompiledModel, pictures: int) -> None:
        self._model = model
        self._pictures = pictures
        self._free: SimpleQueue[openvino.InferRequest] = SimpleQueue()

    def run(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        try:
            request = self._free.get_nowait()
        except Empty:
            request = self._model.create_infer_request()
        arrays = [np.ascontiguousarray(array) for array in inputs]
        request.infer(
            [array[None] if index < self._pictures else array for index, array in enumerate(arrays)], share_inputs=True
        )
        outputs = tuple(tensor.data[0].copy() for tensor in request.output_tensors)
        self._free.put(request)
        return outputs


class OpenVINOOperations:
    """The network's operations as nodes of a graph, see :class:`zero_dce.enhance.graph.topology.Operations`."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def convolve(self, x: Any, layer: str, relu: bool = False) -> Any:
        """Add a convolution."""
        weight, bias = (self.weights.state[f"{layer}.{name}"] for name in ("weight", "bias"))
        pad = [weight.shape[2] // 2] * 2
        if groups_of(weight) > 1:
            kernel = _constant(weight[:, None])
            y = ops.group_convolution(x, kernel, [1, 1], pad, pad, [1, 1])
        else:
            y = ops.convolution(x, _constant(weight), [1, 1], pad, pad, [1, 1])
        y = ops.add(y, _constant(bias.reshape(1, -1, 1, 1)))
        return ops.relu(y) if relu else y

    def concatenate(self, first: Any, second: Any) -> Any:
        """Join channels."""
        return ops.concat([first, second], 1)

    def tanh(self, x: Any) -> Any:
        """Add a hyperbolic tangent."""
        return ops.tanh(x)

    def split(self, maps: Any, parts: int) -> Sequence[Any]:
        """Cut channels."""
        return list(ops.split(maps, _constant(1), parts).outputs())

    def scale(self, x: Any, factor: float) -> Any:
        """Multiply."""
        return ops.multiply(x, _constant(np.float32(factor)))

    def mean(self, parts: Sequence[Any]) -> Any:
        """Average."""
        total = parts[0]
        for part in parts[1:]:
            total = ops.add(total, part)
        return self.scale(total, 1 / len(parts))

    def curve(self, x: Any, curve_map: Any) -> Any:
        """Add one step of the curve; OpenVINO makes one pass of all elementwise steps."""
        return ops.add(x, ops.multiply(curve_map, ops.subtract(ops.multiply(x, x), x)))

    def constant(self, value: FloatArray) -> Any:
        """Add a constant."""
        return _constant(value.astype(np.float32))

    def add(self, first: Any, second: Any) -> Any:
        """Add a sum."""
        return ops.add(first, second)

    def subtract(self, first: Any, second: Any) -> Any:
        """Add a difference."""
        return ops.subtract(first, second)

    def multiply(self, first: Any, second: Any) -> Any:
        """Add a product."""
        return ops.multiply(first, second)

    def matmul(self, first: Any, second: Any) -> Any:
        """Add a product of matrices."""
        return ops.matmul(first, second, False, False)

    def relu(self, x: Any) -> Any:
        """Add a ReLU."""
        return ops.relu(x)

    def root(self, x: Any) -> Any:
        """Add a square root."""
        return ops.sqrt(x)

    def absolute(self, x: Any) -> Any:
        """Add an absolute value."""
        return ops.absolute(x)

    def limit(self, x: Any, low: Any, high: Any) -> Any:
        """Add limits."""
        return ops.minimum(ops.maximum(x, low), high)

    def average(self, x: Any, size: int, stride: int) -> Any:
        """Add an average over windows."""
        return ops.avg_pool(x, [stride] * 2, [0, 0], [0, 0], [size] * 2, True)

    def crop(self, x: Any, top: int, left: int, bottom: int, right: int) -> Any:
        """Cut off rows and columns; an end of 0 from behind would be the beginning."""
        ends = [-cut if cut else np.iinfo(np.int64).max for cut in (bottom, right)]
        return ops.slice(x, _constant([top, left]), _constant(ends), _constant([1, 1]), _constant([2, 3]))

    def reshape(self, x: Any, *shape: int) -> Any:
        """Change the shape."""
        return ops.reshape(x, _constant(list(shape)), False)


def _constant(value: Any) -> Any:
    return ops.constant(value)


def _from_pixels(node: Any, dtype: np.dtype[Any]) -> Any:
    if dtype != np.float32:
        node = ops.multiply(ops.convert(node, "f32"), _constant(np.float32(1 / WHITE[dtype])))
    return ops.transpose(node, _constant(TO_CHANNELS_FIRST))


def _to_levels(node: Any, dtype: np.dtype[Any]) -> Any:
    if dtype == np.float32:
        return node
    rounded = ops.round(ops.multiply(node, _constant(np.float32(WHITE[dtype]))), "half_to_even")
    return ops.convert(rounded, {"uint8": "u8", "uint16": "u16"}[dtype.name])
