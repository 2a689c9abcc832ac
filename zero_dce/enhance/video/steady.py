"""Curves for the frames of a clip that do not flicker."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zero_dce.enhance.canvas import Canvas
from zero_dce.enhance.fast.blocks import with_surroundings
from zero_dce.enhance.fast.calibration import Regression, blend
from zero_dce.enhance.fast.mode import FastMode, Field
from zero_dce.enhance.pixels import Array
from zero_dce.enhance.reduce import block_means

# A calibration is replaced after so many frames, step by step over so many: the scene may have become another.
RENEW, FADE = 30, 10
# How much the means of large cells change at a cut, relative to their mean; a fast pan changes them by half of that.
CUT = 0.25
CELLS = 16
# A change of the mean of a block and its neighbours by this is rather motion than noise; of 1.
NOISE = 2 / 255


@dataclass(frozen=True)
class Curves:
    """What tells a frame's curve maps.

    Attributes:
        field: smoothed over time.
        unsmoothed: from the frame alone, by the same calibration.
        new_shot: a cut lies before the frame.
    """

    field: Field
    unsmoothed: Field
    new_shot: bool


class SteadyCurves:
    """Estimates curves frame by frame.

    The network's maps depend on noise and on fine texture, which a camera's codec wipes out and restores with every key
    frame: a still scene pulses. So the statistics that the maps follow from are averaged over time, block by block:
    ``s += (1 - smoothing * exp(-(d / 2)^2)) * (new - s)``. ``d`` is how far the mean of the block and its neighbours
    is from its average, in 255ths: where something moves, its statistics hold at once, and nothing trails behind it.
    Only the curves are averaged, never the pixels.

    The regression from statistics to maps is the same for :data:`RENEW` frames and then fades into a new one: a new one
    for every frame would flicker, and take longer than all else. A cut begins with a new one and no average.

    Args:
        fast: estimates and applies the curves.
        smoothing: 0 to 1. 0 is every frame's own statistics; 1 follows only what is more than noise.
    """

    def __init__(self, fast: FastMode, smoothing: float) -> None:
        self._fast, self._smoothing = fast, smoothing
        self._average: Array | None = None
        self._cells: Array | None = None
        self._age = 0

    def estimate(self, frame: Canvas) -> Curves:
        """Return the curves of the next frame."""
        grid, statistics = self._fast.measure(frame)
        before, self._cells = self._cells, cells_of(statistics[..., :3])
        new_shot = is_cut(before, self._cells)
        if self._average is None or new_shot:
            self._average = statistics
            self._before = self._now = self._fast.calibrate(frame, grid, statistics)
            self._age = 0
        else:
            self._average = smooth(self._average, statistics, self._smoothing)
            self._age += 1
            if self._age == RENEW:
                self._before, self._now = self._now, self._fast.calibrate(frame, grid, self._average)
                self._age = 0
        field = Field(grid, self._average, self._regression())
        return Curves(field, replace(field, statistics=statistics), new_shot)

    def _regression(self) -> Regression:
        share = (self._age + 1) / (FADE + 1)
        return self._now if self._before is self._now or share >= 1 else blend(self._before, self._now, share)


def cells_of(levels: Array) -> Array:
    """Average rows x columns x 3 over large cells, about 16 along the longer side."""
    return block_means(levels, max(1, max(levels.shape[:2]) // CELLS))


def is_cut(before: Array | None, now: Array) -> bool:
    """Compare the cells of two successive frames; ``None`` is none before."""
    if before is None:
        return False
    return bool(np.abs(now - before).mean() > CUT * max(now.mean(), before.mean()))


def smooth(average: Array, statistics: Array, smoothing: float) -> Array:
    """Move the average statistics of blocks towards a frame's, see :class:`SteadyCurves`; rows x columns x 9."""
    if not smoothing:
        return statistics
    change = statistics - average
    distance = np.abs(_around(change[..., :3])).max(-1, keepdims=True)
    keep = smoothing * np.exp(-np.square(distance / np.float32(NOISE)))
    moved: Array = average + (1 - keep) * change
    return moved


def _around(values: Array) -> Array:
    """Average over 3 x 3 blocks."""
    rows, columns = values.shape[:2]
    wide = with_surroundings(values, (slice(0, rows), slice(0, columns)), 1)
    down = wide[:-2] + wide[1:-1] + wide[2:]
    mean: Array = (down[:, :-2] + down[:, 1:-1] + down[:, 2:]) / np.float32(9)
    return mean
