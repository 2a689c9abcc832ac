from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zero_dce.enhance.tiles import RECEPTIVE_RADIUS, plan_tiles

sides = st.integers(1, 200)


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.integers(5, 200), st.integers(0, 9))
def test_tiles_cover_the_picture_once_and_see_far_enough(width: int, height: int, tile: int, radius: int) -> None:
    covered = np.zeros((height, width), dtype=int)
    tiles = plan_tiles(width, height, tile, radius)
    for part in tiles:
        left, top, right, bottom = part.keep
        covered[top:bottom, left:right] += 1
        for low, high, start, end, length in (
            (part.window[0], part.window[2], left, right, width),
            (part.window[1], part.window[3], top, bottom, height),
        ):
            assert 0 <= low <= start < end <= high <= length
            assert low == 0 or start - low >= radius
            assert high == length or high - end >= radius
            assert high - low <= tile + 2 * radius
    assert (covered == 1).all()
    assert len({(t.window[2] - t.window[0], t.window[3] - t.window[1]) for t in tiles}) == 1
    assert sum(part.pixels for part in tiles) == width * height


def test_a_picture_of_one_tile_is_taken_whole() -> None:
    (tile,) = plan_tiles(30, 20, 30)
    assert tile.window == tile.keep == (0, 0, 30, 20)
    assert tile.crop() == (slice(0, 20), slice(0, 30))


def test_the_radius_is_the_networks() -> None:
    """Two windows meet in the middle of what both see: nowhere do they overlap by less than twice the radius."""
    first, second = plan_tiles(100, 10, 60)
    assert first.window[2] - second.window[0] >= 2 * RECEPTIVE_RADIUS


@pytest.mark.parametrize("size", [(0, 5, 3), (5, 0, 3), (5, 5, 0)])
def test_nothing_is_no_picture(size: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected at least 1 everywhere"):
        plan_tiles(*size)
