"""What is measured of each block: enough for a regression to tell the network's curve maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zero_dce.enhance.canvas import Canvas
from zero_dce.enhance.fast.blocks import BlockGrid, read_blocks
from zero_dce.enhance.graph import Backend
from zero_dce.enhance.graph.programs import Operations, Program
from zero_dce.enhance.pixels import Array
from zero_dce.enhance.threads import in_threads

# Of each colour channel: mean, standard deviation, mean change to the neighbours on the left and above.
STATISTICS = 9
# Pixels on a side that are measured at once: they stay in a processor's cache.
SIDE = 192


def statistics_program(size: int) -> Program:
    """From pixels, with one row and column before them, to the statistics of blocks of ``size``: h x w x 9."""

    def build(operations: Operations, inputs: Sequence[Any]) -> list[Any]:
        o, (pixels,) = operations, inputs
        x = o.crop(pixels, 1, 1, 0, 0)
        across = (x - o.crop(pixels, 1, 0, 0, 1)).abs()
        down = (x - o.crop(pixels, 0, 1, 1, 0)).abs()
        mean = o.average(x, size, size)
        variance = o.average(x * x, size, size) - mean * mean
        # Rounding can leave less than nothing of the variance of a flat block.
        deviation = variance.relu().sqrt()
        return [o.concatenate(o.concatenate(mean, deviation), o.average(across + down, size, size))]

    return Program("statistics", build, picture_out=False)


def measure(
    canvas: Canvas, grid: BlockGrid, backend: Backend, program: Program, progress: Callable[[], object] = lambda: None
) -> Array:
    """Return the statistics of all blocks: float32, rows x columns x 9."""
    result = np.empty((grid.rows, grid.columns, STATISTICS), np.float32)

    def work(part: tuple[slice, slice]) -> None:
        (result[part],) = backend.run(program, read_blocks(canvas, grid, *part, before=1))

    for _ in in_threads(work, grid.parts(max(1, SIDE // grid.size)), backend):
        progress()
    return result
