from __future__ import annotations

import numpy as np
import pytest

from zero_dce.enhance.video.flicker import Flicker, flicker


def grey(*levels: float) -> np.ndarray:
    return np.stack([np.full((70, 150, 3), level, np.float32) for level in levels])


def test_flicker_by_definition() -> None:
    assert flicker(grey(50, 50, 50, 50)) == 0
    assert flicker(grey(0, 0, 0)) == 0
    assert flicker(grey(50, 60, 70, 80)) == pytest.approx(0, abs=1e-5)
    assert flicker(grey(49, 51, 49, 51, 49, 51)) == pytest.approx(100 * 1 / 50, rel=0.01)
    assert np.isnan(flicker(grey(50, 51)))
    # Twice as bright, the same share.
    assert flicker(2 * grey(49, 51, 49, 51)) == pytest.approx(flicker(grey(49, 51, 49, 51)))


def test_flicker_does_not_count_a_cut() -> None:
    meter = Flicker()
    for index, frame in enumerate(grey(20, 20, 20, 90, 90, 90)):
        meter.add(frame, new_shot=index == 3)
    assert meter.percent == 0
