from __future__ import annotations

import numpy as np

from zero_dce.enhance.pixels import map_pixels


def test_brightening_is_lighter_than_grey() -> None:
    """The released code's sign: a map of -1 brightens most."""
    shown = map_pixels(np.array([[[-1, 0, 1]]], np.float32))
    assert shown.dtype == np.uint8
    assert shown[0, 0].tolist() == [255, 128, 0]
