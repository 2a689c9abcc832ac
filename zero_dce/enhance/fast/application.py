"""From block statistics to the enhanced picture: regression, enlargement and curves in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from zero_dce.curves import ITERATIONS
from zero_dce.enhance.fast.statistics import STATISTICS
from zero_dce.enhance.graph.programs import KEPT_PROGRAMS, Operations, Program, expose_by, scale
from zero_dce.enhance.pixels import FloatArray
from zero_dce.exposure.dodging import linear_weights
from zero_dce.weights import MAPS

# A part needs the statistics of the blocks around it: one block for enlarging maps, one more for means over 3 x 3.
AROUND = 2


@lru_cache(maxsize=KEPT_PROGRAMS)
def application_program(
    network: str, strength: float, exposed: bool, size: int, rows: int, columns: int, with_map: bool
) -> Program:
    """Enhance ``rows`` x ``columns`` blocks of ``size`` pixels.

    Inputs: their pixels; statistics of the blocks and of two more on each side; if the enhanced picture is ``exposed``,
    slope and offset of each pixel, see :func:`zero_dce.enhance.graph.programs.expose_by`; the regression's matrices.
    Outputs: the enhanced pixels and, ``with_map``, the mean of their curve maps.
    """
    down, across = _enlargement(rows, size), _enlargement(columns, size)

    def build(operations: Operations, inputs: Sequence[Any]) -> list[Any]:
        o, (image, statistics, *local) = operations, inputs[: 2 + exposed]
        regression = inputs[2 + exposed :]
        maps = _predict(o, statistics, regression, rows + 2, columns + 2, MAPS[network])
        maps = scale(maps, strength)
        parts = [maps] if MAPS[network] == 3 else o.split(maps, ITERATIONS)
        down_, across_ = o.constant(down), o.constant(across.T)

        def enlarge(part: Any) -> Any:
            return down_ @ (part @ across_)

        # The maps are enlarged one iteration at a time, as all of them at full size would not fit into the cache.
        enhanced = image
        full = enlarge(parts[0])
        for index in range(ITERATIONS):
            if index and len(parts) > 1:
                full = enlarge(parts[index])
            enhanced = o.curve(enhanced, full)
        if local:
            enhanced = expose_by(o, enhanced, *local)
        return [enhanced, enlarge(o.mean(parts))] if with_map else [enhanced]

    return Program("apply", build, pictures=2 + exposed)


def _predict(o: Operations, statistics: Any, regression: Sequence[Any], rows: int, columns: int, maps: int) -> Any:
    low, high, hidden, hidden_bias, output, direct, bias = regression
    features = o.concatenate(o.crop(statistics, 1, 1, 1, 1), o.average(statistics, 3, 1))
    features = features.reshape(1, 2 * STATISTICS, rows * columns).clip(low, high)
    units = (hidden @ features + hidden_bias).relu()
    result = output @ units + direct @ features + bias
    return result.clip(-1.0, 1.0).reshape(1, maps, rows, columns)


def _enlargement(blocks: int, size: int) -> FloatArray:
    """Return the matrix that interpolates linearly from block centres, with one more block at each end, to pixels."""
    places = (np.arange(blocks * size) + 0.5) / size + 0.5
    return linear_weights(places, np.arange(blocks + 2)).astype(np.float32)
