"""The statistics of each block, from which a regression estimates the network's curve maps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from zero_dce.enhance.fast.blocks import BlockGrid, Part, read_blocks
from zero_dce.enhance.graph import Backend
from zero_dce.enhance.graph.programs import KEPT_PROGRAMS, Operations, Program
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.threads import in_threads
from zero_dce.images.canvas import Canvas

# Each colour channel has a mean, a standard deviation, and a mean change to the neighbours on the left and above.
STATISTICS = 9


@lru_cache(maxsize=KEPT_PROGRAMS)
def statistics_program(size: int) -> Program:
    """Return the program that computes the statistics of blocks of ``size``, h x w x 9.

    Its input is their pixels, with one row above them and one column to their left.
    """

    def build(operations: Operations, inputs: Sequence[Any]) -> list[Any]:
        o, (pixels,) = operations, inputs
        x = o.crop(pixels, 1, 1, 0, 0)
        across = (x - o.crop(pixels, 1, 0, 0, 1)).abs()
        down = (x - o.crop(pixels, 0, 1, 1, 0)).abs()
        mean = o.average(x, size, size)
        variance = o.average(x * x, size, size) - mean * mean
        # Rounding can make the variance of a flat block negative.
        deviation = variance.relu().sqrt()
        return [o.concatenate(o.concatenate(mean, deviation), o.average(across + down, size, size))]

    return Program("statistics", build, picture_out=False)


def measure(canvas: Canvas, grid: BlockGrid, backend: Backend, program: Program) -> FloatArray:
    """Return the statistics of all blocks: float32, rows x columns x 9."""
    result = np.empty((grid.rows, grid.columns, STATISTICS), np.float32)

    def work(part: Part) -> None:
        (result[part],) = backend.run(program, read_blocks(canvas, grid, *part, before=1))

    for _ in in_threads(work, grid.parts(), backend):
        pass
    return result
