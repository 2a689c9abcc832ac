"""ONNX Runtime on the CPU: float32, one graph for every size of picture."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

import onnxruntime

from zero_dce.enhance.graph.onnx import feed, program_model
from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.pixels import FloatArray
from zero_dce.weights import Weights

# Graphs that are kept: who moves a control of the page makes one for each strength.
MOST_SESSIONS = 16


class ONNXRuntimeBackend:
    """Runs programs in ONNX Runtime, see :class:`zero_dce.enhance.graph.Backend`."""

    name = "onnxruntime"
    tile = 384
    workers = 2

    def __init__(self, weights: Weights, precision: str) -> None:
        self.weights = weights
        self.precision = precision
        self._sessions: OrderedDict[tuple[Any, ...], onnxruntime.InferenceSession] = OrderedDict()
        self._lock = Lock()

    @staticmethod
    def precisions() -> tuple[str, ...]:
        """Return what convolutions are computed in; its CPU kernels have only float32."""
        return ("float32",)

    def begin_thread(self) -> None:
        """Nothing is kept for a thread."""

    def end_threads(self, workers: int) -> None:
        """Nothing was."""

    def run(self, program: Program, *inputs: FloatArray) -> tuple[FloatArray, ...]:
        """Compute a program."""
        key = (program, *(array.dtype for array in inputs))
        with self._lock:
            if key not in self._sessions:
                content = program_model(self.weights, program, inputs).SerializeToString()
                self._sessions[key] = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
                if len(self._sessions) > MOST_SESSIONS:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end(key)
            session = self._sessions[key]
        names = [node.name for node in session.get_inputs()]
        outputs = session.run(None, dict(zip(names, feed(program, inputs), strict=True)))
        return tuple(output[0] for output in outputs)
