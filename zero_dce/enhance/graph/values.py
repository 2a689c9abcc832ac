"""What graphs calculate with: values that add nodes, named as PyTorch and NumPy name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

# The end of an axis, whatever its length.
TO_END = int(np.iinfo(np.int64).max)


class Recorder(Protocol):
    """A graph that is being written, in the operations of ONNX."""

    def node(self, operation: str, *inputs: GraphValue | float | Sequence[int], **attributes: Any) -> GraphValue:
        """Add a node and return its output; inputs that are numbers or indices become constants."""


@dataclass(frozen=True, eq=False)
class GraphValue:
    """What a node of a graph gives, or an input, in float32.

    Functions that are written for tensors of PyTorch and arrays of NumPy record what they do when they are given one.
    The truth of a comparison is 1 or 0, a float as well.
    """

    graph: Recorder
    name: str

    def __add__(self, other: GraphValue | float) -> GraphValue:
        return self.graph.node("Add", self, other)

    def __radd__(self, other: float) -> GraphValue:
        return self.graph.node("Add", self, other)

    def __sub__(self, other: GraphValue | float) -> GraphValue:
        return self.graph.node("Sub", self, other)

    def __rsub__(self, other: float) -> GraphValue:
        return self.graph.node("Sub", other, self)

    def __mul__(self, other: GraphValue | float) -> GraphValue:
        return self.graph.node("Mul", self, other)

    def __rmul__(self, other: float) -> GraphValue:
        return self.graph.node("Mul", self, other)

    def __neg__(self) -> GraphValue:
        return self.graph.node("Mul", self, -1.0)

    def __truediv__(self, other: GraphValue | float) -> GraphValue:
        return self.graph.node("Div", self, other)

    def __rtruediv__(self, other: float) -> GraphValue:
        return self.graph.node("Div", other, self)

    def __pow__(self, exponent: GraphValue | float) -> GraphValue:
        """Raise values of at least 0, or of any sign to 2; OpenVINO computes powers one by one, but logarithms many."""
        if exponent == 0.5:
            return self.sqrt()
        if exponent == 2:
            return self * self
        return self.graph.node("Exp", self.graph.node("Log", self) * exponent)

    def __rpow__(self, other: float) -> GraphValue:
        return self.graph.node("Pow", other, self)

    def __matmul__(self, other: GraphValue) -> GraphValue:
        return self.graph.node("MatMul", self, other)

    def __lt__(self, other: GraphValue | float) -> GraphValue:
        return self._compare("Less", other)

    def __le__(self, other: GraphValue | float) -> GraphValue:
        return self._compare("LessOrEqual", other)

    def __gt__(self, other: GraphValue | float) -> GraphValue:
        return self._compare("Greater", other)

    def __ge__(self, other: GraphValue | float) -> GraphValue:
        return self._compare("GreaterOrEqual", other)

    def _compare(self, operation: str, other: GraphValue | float) -> GraphValue:
        # 1 is float32 in ONNX.
        return self.graph.node("Cast", self.graph.node(operation, self, other), to=1)

    def __and__(self, other: GraphValue) -> GraphValue:
        return self * other

    def __or__(self, other: GraphValue) -> GraphValue:
        return self.graph.node("Max", self, other)

    def __getitem__(self, places: tuple[slice, ...]) -> GraphValue:
        """Cut out a box; the ends of slices are numbers, there are no steps."""
        axes = [axis for axis, place in enumerate(places) if place != slice(None)]
        starts = [places[axis].start or 0 for axis in axes]
        ends = [TO_END if places[axis].stop is None else places[axis].stop for axis in axes]
        return self.graph.node("Slice", self, starts, ends, axes)

    def relu(self) -> GraphValue:
        """Return the larger of the value and 0."""
        return self.graph.node("Relu", self)

    def sqrt(self) -> GraphValue:
        """Return the square root."""
        return self.graph.node("Sqrt", self)

    def abs(self) -> GraphValue:
        """Return the absolute value."""
        return self.graph.node("Abs", self)

    def clip(self, low: GraphValue | float, high: GraphValue | float | None = None) -> GraphValue:
        """Bring every element to the nearest in a range."""
        above = self.graph.node("Max", self, low)
        return above if high is None else self.graph.node("Min", above, high)

    def mean(self, axis: int | tuple[int, ...], keepdims: bool) -> GraphValue:
        """Average over axes."""
        axes = [axis] if isinstance(axis, int) else list(axis)
        return self.graph.node("ReduceMean", self, axes=axes, keepdims=int(keepdims))

    def reshape(self, *shape: int) -> GraphValue:
        """Give the same elements another shape."""
        return self.graph.node("Reshape", self, shape)
