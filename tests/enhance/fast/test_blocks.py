from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.pictures import smooth_picture
from zero_dce.enhance.fast.blocks import BlockGrid, read_beyond, with_surroundings
from zero_dce.images.canvas import ArrayCanvas


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 9), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_parts_cover_the_grid_in_one_shape(width: int, height: int, size: int, side: int) -> None:
    grid = BlockGrid(width, height, size)
    assert (grid.columns - 1) * size < width <= grid.columns * size
    covered = np.zeros((grid.rows, grid.columns), bool)
    parts = list(grid.parts(side * size))
    for part in parts:
        covered[part] = True
    assert covered.all()
    assert {(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in parts} == {
        (min(side, grid.rows), min(side, grid.columns))
    }


def test_the_edge_is_repeated_outside() -> None:
    image = smooth_picture(7, 9)
    outside = read_beyond(ArrayCanvas(image), -2, -1, 12, 10)
    assert np.array_equal(outside, np.pad(image, ((1, 3), (2, 3), (0, 0)), mode="edge"))
    part = (slice(0, 2), slice(8, 9))
    assert np.array_equal(
        with_surroundings(image, part, 2), np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge")[:6, 8:]
    )
