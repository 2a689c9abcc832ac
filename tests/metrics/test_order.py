from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from zero_dce.metrics.picture import lightness_order_error


def slow_error(image: Tensor, enhanced: Tensor) -> float:
    """The published procedure, word by word, for one picture."""
    grids = []
    for picture in (image, enhanced):
        levels = (picture.double() * 255).round().amax(dim=0).numpy()
        height, width = levels.shape
        step = max(1, min(height, width) // 50)
        rows, columns = height // step, width // step
        grid = np.zeros((rows, columns))
        for row in range(rows):
            for column in range(columns):
                y, x = (row + 1) * step - 1, (column + 1) * step - 1
                grid[row, column] = levels[max(0, y - 7) : y + 8, max(0, x - 7) : x + 8].max()
        grids.append(grid.ravel())
    before, after = (grid.tolist() for grid in grids)
    changed = 0
    for here in range(len(before)):
        for there in range(len(before)):
            changed += (before[there] >= before[here]) != (after[there] >= after[here])
    return changed / len(before)


@pytest.mark.parametrize(("height", "width"), [(9, 14), (30, 20), (101, 107), (1, 1)])
def test_equals_the_double_loop(height: int, width: int) -> None:
    torch.manual_seed(0)
    image, enhanced = torch.rand(2, 3, height, width) ** 8, torch.rand(2, 3, height, width) ** 4
    # Within 15 x 15 pixels of noise the largest is nearly always the same: shade it.
    image *= torch.linspace(0.1, 1, width)
    enhanced *= torch.linspace(0.2, 1, height)[:, None]
    expected = [slow_error(*pair) for pair in zip(image, enhanced, strict=True)]
    torch.testing.assert_close(lightness_order_error(image, enhanced), torch.tensor(expected))
    assert height == 1 or min(expected) > 1


def test_one_curve_for_all_pixels_keeps_the_order() -> None:
    levels = torch.arange(0, 256, 8) / 255
    image = levels.repeat_interleave(20).repeat(3, 40, 1)[None]
    assert lightness_order_error(image, image.sqrt()).item() == 0


def test_by_hand() -> None:
    """Two halves of 50 rows change places; the local maximum lets the light half grow by 7 rows into the dark one."""
    dark, light = torch.full((1, 3, 50, 60), 0.2), torch.full((1, 3, 50, 60), 0.7)
    image, enhanced = torch.cat((dark, light), dim=2), torch.cat((light, dark), dim=2)
    # 43 rows become light, 14 are light before and after, 43 become dark. The order between the first and the last
    # changes seen from either; between these and the ones in the middle it changes seen from one of the two.
    pairs_of_rows = 2 * 43 * 43 + 43 * 14 + 14 * 43
    assert lightness_order_error(image, enhanced).item() == pytest.approx(pairs_of_rows * 60 * 60 / 6000)
