"""What depends on a picture's size, in an ONNX graph that learns the size only when it runs.

The rules themselves are those of :mod:`zero_dce.exposure`, which record themselves in a graph. What is here stands for
their small copies, grids and matrices, which they make from sizes that are known. Sizes are values of one element in
float32, which counts exactly far beyond any picture.
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
        return self.node("Cast", self.node("Shape", x, start=axis, end=axis + 1), to=TensorProto.FLOAT)

    def sides(self, x: GraphValue) -> tuple[GraphValue, GraphValue]:
        """Return height and width."""
        return self.size(x, 2), self.size(x, 3)

    def block_factor(self, x: GraphValue, longest: int) -> GraphValue:
        """Return the side of the blocks of :func:`zero_dce.enhance.reduce.reduced_pixels`."""
        return self.node("Ceil", self.node("Max", *self.sides(x)) / longest)

    def block_means(self, x: GraphValue, longest: int) -> GraphValue:
        """Shrink a picture as :func:`zero_dce.enhance.reduce.reduced_pixels` does."""
        factor = self.block_factor(x, longest)
        height, width = self.sides(x)
        rows, columns = (self.node("Ceil", side / factor) for side in (height, width))
        nothing = self._integers([0.0])
        after = self._integers([rows * factor - height, columns * factor - width])
        pads = self.node("Concat", *[nothing] * 6, after, axis=0)
        shape = self._integers([self.size(x, 0), 3.0, rows, factor, columns, factor])
        blocks = self.node("Reshape", self.node("Pad", x, pads, mode="edge"), shape)
        return self.node("ReduceMean", blocks, axes=[3, 5], keepdims=0)

    def sample(self, x: GraphValue) -> GraphValue:
        """Return a grid of pixels, see :func:`zero_dce.exposure.search.sample_of`."""
        steps = [self.node("Ceil", side / GRID) for side in self.sides(x)]
        starts = self._integers([self.node("Floor", step / 2) for step in steps])
        return self.node("Slice", x, starts, [TO_END] * 2, [2, 3], self._integers(steps))

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
        rounded = self.node("Max", self.node("Round", size * DODGED_CELLS / longest), 1.0)
        number = self.node("Min", size, rounded)
        edges, pixels = self._column(number) * size / number, self._row(size)
        ends = self.node("Min", edges + size / number, pixels + 1.0)
        return (ends - self.node("Max", edges, pixels)).clip(0.0) * (number / size)

    def _windows(self, size: GraphValue) -> GraphValue:
        near = (self._column(size) - self._row(size)).abs() <= NEIGHBOURS
        return near / self.node("ReduceMean", near, axes=[1], keepdims=1) / size

    def _interpolation(self, size: GraphValue, factor: GraphValue, cells: GraphValue) -> GraphValue:
        """Return the matrix from cells to pixels, linear between their centres."""
        covered = self.node("Ceil", size / factor) * factor
        places = (self._column(size) + 0.5) * (cells / covered) - 0.5
        within = places.clip(0.0, cells - 1.0)
        return (1.0 - (within - self._row(cells)).abs()).clip(0.0)

    def _row(self, size: GraphValue) -> GraphValue:
        """Count from 0, in one row."""
        scalar = self.node("Squeeze", self.node("Cast", size, to=TensorProto.INT64), [0])
        zero, one = (self.node("Squeeze", self._integers([number]), [0]) for number in (0.0, 1.0))
        counted = self.node("Cast", self.node("Range", zero, scalar, one), to=TensorProto.FLOAT)
        return self.node("Unsqueeze", counted, [0])

    def _column(self, size: GraphValue) -> GraphValue:
        return self._transposed(self._row(size))

    def _transposed(self, matrix: GraphValue) -> GraphValue:
        return self.node("Transpose", matrix, perm=[1, 0])

    def _integers(self, sizes: Sequence[GraphValue | float]) -> GraphValue:
        """Return sizes as one array of int64, as nodes take shapes and places."""
        vectors = [size if isinstance(size, GraphValue) else self.number(size) for size in sizes]
        return self.node("Cast", self.node("Concat", *vectors, axis=0), to=TensorProto.INT64)

    def number(self, value: float) -> GraphValue:
        """Return a constant of one element."""
        return self.node("Reshape", value, [1])
