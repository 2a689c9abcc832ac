"""What depends on a picture's size, in an ONNX graph that learns the size only when it runs.

The rules themselves are those of :mod:`zero_dce.exposure`, which record themselves in a graph. What is here stands for
their small copies, grids and matrices, which they make from sizes that are known. Sizes are arrays of one int64: a
runtime that computes in bfloat16 may round anything else.
"""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto

from zero_dce.enhance.graph.onnx import OnnxGraph
from zero_dce.enhance.graph.values import TO_END, GraphValue
from zero_dce.exposure.dodging import DODGED_CELLS, NEIGHBOURS
from zero_dce.exposure.search import GRID


class SizedGraph(OnnxGraph):
    """An ONNX graph that calculates with its own sizes; pictures and maps are B x C x H x W."""

    def size(self, x: GraphValue, axis: int) -> GraphValue:
        """Return how long an axis is."""
        return self.node("Shape", x, start=axis, end=axis + 1)

    def sides(self, x: GraphValue) -> tuple[GraphValue, GraphValue]:
        """Return height and width."""
        return self.size(x, 2), self.size(x, 3)

    def block_factor(self, x: GraphValue, longest: int) -> GraphValue:
        """Return the side of the blocks of :func:`zero_dce.enhance.reduce.reduced_pixels`."""
        return self._divide_up(self.node("Max", *self.sides(x)), [longest])

    def block_means(self, x: GraphValue, longest: int) -> GraphValue:
        """Shrink a picture as :func:`zero_dce.enhance.reduce.reduced_pixels` does."""
        factor = self.block_factor(x, longest)
        sides = self.sides(x)
        rows, columns = (self._divide_up(side, factor) for side in sides)
        after = [
            self.node("Sub", self.node("Mul", number, factor), side)
            for number, side in zip((rows, columns), sides, strict=True)
        ]
        pads = self.node("Concat", [0] * 6, *after, axis=0)
        shape = self.node("Concat", self.size(x, 0), [3], rows, factor, columns, factor, axis=0)
        blocks = self.node("Reshape", self.node("Pad", x, pads, mode="edge"), shape)
        return self.node("ReduceMean", blocks, axes=[3, 5], keepdims=0)

    def sample(self, x: GraphValue) -> GraphValue:
        """Return a grid of pixels, see :func:`zero_dce.exposure.search.sample_of`."""
        steps = self.node("Concat", *(self._divide_up(side, [GRID]) for side in self.sides(x)), axis=0)
        return self.node("Slice", x, self.node("Div", steps, [2]), [TO_END] * 2, [2, 3], steps)

    def cells(self, x: GraphValue) -> GraphValue:
        """Average a picture over cells, see :func:`zero_dce.exposure.dodging.shrink`."""
        height, width = self.sides(x)
        longest = self.node("Max", height, width)
        return self._averages(height, longest) @ x @ self._transposed(self._averages(width, longest))

    def around(self, cells: GraphValue) -> GraphValue:
        """Average each cell and its neighbours, see :func:`zero_dce.exposure.dodging.cell_stops`."""
        down, across = (self._windows(side) for side in self.sides(cells))
        return down @ cells @ self._transposed(across)

    def enlarge(self, local: GraphValue, picture: GraphValue, longest: int) -> GraphValue:
        """Interpolate between cells, see :func:`zero_dce.exposure.dodging.enlarge`.

        Args:
            local: B x C x h x w.
            picture: whose size the result has.
            longest: the cells are those of a copy of the picture by :meth:`block_means`.
        """
        factor = self.block_factor(picture, longest)
        ways = zip(self.sides(picture), self.sides(local), strict=True)
        down, across = (self._interpolation(side, factor, cells) for side, cells in ways)
        return down @ local @ self._transposed(across)

    def pad(self, x: GraphValue, margin: int) -> GraphValue:
        """Continue a picture's edges outwards."""
        sides = [margin, margin]
        return self.node("Pad", x, [0, 0, *sides, 0, 0, *sides], mode="edge")

    def _averages(self, size: GraphValue, longest: GraphValue) -> GraphValue:
        """Return the matrix that averages pixels over cells: cells x pixels."""
        rounded = self.node("Max", self._divide_evenly(self.node("Mul", size, [DODGED_CELLS]), longest), [1])
        number = self.node("Min", size, rounded)
        side = self._float(size) / self._float(number)
        edges, pixels = self._column(number) * side, self._row(size)
        ends = self.node("Min", edges + side, pixels + 1.0)
        return (ends - self.node("Max", edges, pixels)).clip(0.0) / side

    def _windows(self, size: GraphValue) -> GraphValue:
        near = (self._column(size) - self._row(size)).abs() <= NEIGHBOURS
        return near / self.node("ReduceSum", near, [1], keepdims=1)

    def _interpolation(self, size: GraphValue, factor: GraphValue, cells: GraphValue) -> GraphValue:
        """Return the matrix from cells to pixels, linear between their centres."""
        covered = self.node("Mul", self._divide_up(size, factor), factor)
        places = (self._column(size) + 0.5) * (self._float(cells) / self._float(covered)) - 0.5
        within = places.clip(0.0, self._float(cells) - 1.0)
        return (1.0 - (within - self._row(cells)).abs()).clip(0.0)

    def _row(self, size: GraphValue) -> GraphValue:
        """Count from 0, in one row."""
        zero, end, one = (self.node("Squeeze", value, [0]) for value in ([0], size, [1]))
        return self.node("Unsqueeze", self._float(self.node("Range", zero, end, one)), [0])

    def _column(self, size: GraphValue) -> GraphValue:
        return self._transposed(self._row(size))

    def _float(self, integers: GraphValue) -> GraphValue:
        return self.node("Cast", integers, to=TensorProto.FLOAT)

    def _divide_up(self, size: GraphValue, by: GraphValue | Sequence[int]) -> GraphValue:
        """Divide whole numbers and round up."""
        return self.node("Div", self.node("Sub", self.node("Add", size, by), [1]), by)

    def _divide_evenly(self, size: GraphValue, by: GraphValue) -> GraphValue:
        """Divide whole numbers and round to the nearest, a half to the even one, as Python does."""
        twice = self.node("Add", self.node("Mul", size, [2]), by)
        whole = self.node("Mul", by, [2])
        up = self.node("Div", twice, whole)
        is_half = self.node("Sub", [1], self.node("Min", self.node("Mod", twice, whole), [1]))
        return self.node("Sub", up, self.node("Mul", is_half, self.node("Mod", up, [2])))

    def _transposed(self, matrix: GraphValue) -> GraphValue:
        return self.node("Transpose", matrix, perm=[1, 0])
