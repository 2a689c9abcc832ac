from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.networks import make_weights
from tests.helpers.pictures import smooth_picture
from zero_dce.enhance.fast.blocks import BlockGrid
from zero_dce.enhance.fast.statistics import measure, statistics_program
from zero_dce.enhance.graph import BACKENDS, choose_backend
from zero_dce.images.canvas import ArrayCanvas

WEIGHTS = make_weights()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("size", "height", "width"), [(4, 30, 41), (3, 9, 200), (1, 5, 6), (8, 8, 8)])
def test_statistics_by_hand(backend: str, size: int, height: int, width: int) -> None:
    image = smooth_picture(height, width)
    grid = BlockGrid(width, height, size)
    found = measure(ArrayCanvas(image), grid, choose_backend(backend, WEIGHTS, "float32"), statistics_program(size))
    whole = np.pad(image, ((0, grid.rows * size - height), (0, grid.columns * size - width), (0, 0)), mode="edge")
    down, across = (np.abs(np.diff(whole, axis=axis, prepend=np.take(whole, [0], axis))) for axis in (0, 1))
    blocks = [
        part.reshape(grid.rows, size, grid.columns, size, 3).swapaxes(1, 2).reshape(grid.rows, grid.columns, -1, 3)
        for part in (whole, down + across)
    ]
    expected = np.concatenate((blocks[0].mean(2), blocks[0].std(2), blocks[1].mean(2)), axis=2)
    assert np.abs(found - expected).max() <= 2e-3
    assert np.abs((found - expected)[..., [0, 1, 2, 6, 7, 8]]).max() <= 1e-6
