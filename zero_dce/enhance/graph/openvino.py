"""OpenVINO, the quickest on a CPU: one graph from stored pixels to stored pixels, without PyTorch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

import numpy as np

import zero_dce.enhance.graph.openvino_silent  # noqa: F401  # before OpenVINO

# isort: split
import openvino

from zero_dce.enhance.graph.onnx import feed, program_model
from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.pixels import FloatArray
from zero_dce.weights import Weights

# Graphs that are kept, one per program and shape; each holds buffers. A camera's pictures have two shapes: upright and
# sideways.
MOST_GRAPHS = 8
PRECISIONS = {"bfloat16": "bf16", "float32": "f32"}
# The only one of a process, kept to its end. Each gives the thread that makes it a stack on which signals are handled,
# and takes that away with itself. With a second one that outlives the first, or one that ends in another thread, the
# next signal that Python handles in the first thread, Ctrl-C or the end of a child process, is a segmentation fault.
CORE = openvino.Core()


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
        # The first array that OpenVINO is given sets up something in C++ that runs Python. When the first came from two
        # threads at once, one waited for the interpreter, and the other one, which had it, for the first: for ever.
        openvino.Tensor(np.zeros(1, np.float32), shared_memory=True)
        self._graphs: OrderedDict[tuple[Any, ...], _CompiledGraph] = OrderedDict()
        self._lock = Lock()

    @staticmethod
    def precisions() -> tuple[str, ...]:
        """Return what this processor computes convolutions in, quickest first."""
        capabilities = CORE.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("bfloat16", "float32") if "BF16" in capabilities else ("float32",)

    def begin_thread(self) -> None:
        """Nothing is kept for a thread."""

    def end_threads(self, workers: int) -> None:
        """Nothing was."""

    def run(self, program: Program, *inputs: FloatArray) -> tuple[FloatArray, ...]:
        """Compute a program."""
        return self._graph(program, inputs).run(feed(program, inputs))

    def _graph(self, program: Program, inputs: Sequence[FloatArray]) -> _CompiledGraph:
        key = (program, *((None if program.any_size else array.shape, array.dtype) for array in inputs))
        with self._lock:
            if key not in self._graphs:
                self._graphs[key] = _CompiledGraph(self._compile(program, inputs))
                if len(self._graphs) > MOST_GRAPHS:
                    self._graphs.popitem(last=False)
            self._graphs.move_to_end(key)
            return self._graphs[key]

    def _compile(self, program: Program, inputs: Sequence[FloatArray]) -> openvino.CompiledModel:
        model = CORE.read_model(program_model(self.weights, program, inputs).SerializeToString())
        if not program.any_size:
            # OpenVINO computes faster, and in less memory, where it knows all sizes.
            model.reshape({index: array.shape for index, array in enumerate(feed(program, inputs))})
        settings = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[self.precision],
            # All cores work on one tile: that takes half the memory of a tile per core, and is as quick.
            "PERFORMANCE_HINT": "LATENCY",
        }
        return CORE.compile_model(model, "CPU", settings)


class _CompiledGraph:
    """A compiled model and its requests: one for each thread that computes at the same time."""

    def __init__(self, model: openvino.CompiledModel) -> None:
        self._model = model
        self._free: SimpleQueue[openvino.InferRequest] = SimpleQueue()

    def run(self, arrays: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        try:
            request = self._free.get_nowait()
        except Empty:
            request = self._model.create_infer_request()
        request.infer(list(arrays), share_inputs=True)
        outputs = tuple(tensor.data[0].copy() for tensor in request.output_tensors)
        self._free.put(request)
        return outputs
