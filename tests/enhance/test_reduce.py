from __future__ import annotations

import numpy as np
import pytest

from zero_dce.enhance.reduce import block_means, reduce_canvas
from zero_dce.images.canvas import ArrayCanvas


def test_means_of_blocks_also_at_the_edge() -> None:
    values = np.arange(5 * 7 * 1, dtype=np.float32).reshape(5, 7, 1)
    means = block_means(values, 3)
    assert means.shape == (2, 3, 1)
    assert means[0, 0, 0] == values[:3, :3].mean()
    # Row 3, 4 and 4 again; column 6 three times.
    assert means[1, 2, 0] == pytest.approx(values[[3, 4, 4], 6, 0].mean())


@pytest.mark.parametrize("factor", [2, 256, 300])
def test_means_of_whole_numbers_are_exact(factor: int) -> None:
    # Brighter in one corner, where sums in too small a type would overflow.
    values = np.full((factor, factor, 3), 65535, np.uint16)
    values[:2, :2] = 0
    expected = 65535 * (1 - 4 / factor**2)
    np.testing.assert_array_equal(block_means(values, factor), np.full((1, 1, 3), expected, np.float32))


@pytest.mark.parametrize(("longest", "shape"), [(100, (41, 97)), (50, (21, 49)), (1, (1, 1))])
def test_a_canvas_made_smaller(longest: int, shape: tuple[int, int]) -> None:
    canvas = ArrayCanvas(np.full((41, 97, 4), 40000, np.uint16))
    small = reduce_canvas(canvas, longest)
    assert small.pixels.shape == (*shape, 4)
    assert (small.pixels[..., :3] == 40000).all()
