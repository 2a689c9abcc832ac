"""Curves that do not flicker, for the frames of a clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast.blocks import BlockGrid, with_surroundings
from zero_dce.enhance.fast.calibration import Regression, blend
from zero_dce.enhance.fast.mode import FastMode, Field
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.reduce import block_means
from zero_dce.images.canvas import Canvas

# The scene changes over time, so a calibration is renewed every 30 frames, and fades into the new one over 10.
RENEW, FADE = 30, 10
# At a cut the means of large cells change by at least this share of their mean; a fast pan changes them by half of it.
CUT = 0.25
CELLS = 16
# A block and its neighbours have moved, rather than got noise, if their mean changes by more than this, of 1.
NOISE = 2 / 255
_Calibration = tuple[Regression, FloatArray]


@dataclass(frozen=True)
class Curves:
    """The curves of a frame.

    Attributes:
        field: smoothed over time.
        unsmoothed: from this frame only, with the same calibration.
        new_shot: whether a cut lies before the frame.
    """

    field: Field
    unsmoothed: Field
    new_shot: bool


class SteadyCurves:
    """Estimates curves frame by frame.

    The network's maps depend on noise and on fine texture, which a camera's codec removes and restores with every key
    frame, so that a still scene pulses. Therefore the statistics, from which the maps follow, are averaged over time,
    block by block: ``s += (1 - smoothing * exp(-(d / 2)^2)) * (new - s)``. ``d`` is the distance of the mean of the
    block and its neighbours from its average, in 255ths: where something moves, the new statistics count at once, and
    nothing trails behind it. Only the curves are averaged, never the pixels.

    The regression from statistics to maps, and the exposure, are kept for :data:`RENEW` frames and then fade
    into new ones; new ones for every frame would flicker, and take longer than everything else. After a cut all start
    anew.

    Args:
        fast: estimates and applies the curves.
        enhancer: finds the exposure of a frame, and spreads it over the frame's places.
        smoothing: 0 to 1. 0 takes every frame's own statistics; 1 follows only changes that exceed noise.
    """

    def __init__(self, fast: FastMode, enhancer: Enhancer, smoothing: float) -> None:
        self._fast, self._enhancer, self._smoothing = fast, enhancer, smoothing
        self._average: FloatArray | None = None
        self._cells: FloatArray | None = None
        self._age = 0

    def estimate(self, frame: Canvas) -> Curves:
        """Return the curves of the next frame."""
        grid, statistics = self._fast.measure(frame)
        before, self._cells = self._cells, cells_of(statistics[..., :3])
        new_shot = is_cut(before, self._cells)
        if self._average is None or new_shot:
            self._average = statistics
            self._before = self._now = self._calibrate(frame, grid, statistics)
            self._age = 0
        else:
            self._average = smooth(self._average, statistics, self._smoothing)
            self._age += 1
            if self._age == RENEW:
                self._before, self._now = self._now, self._calibrate(frame, grid, self._average)
                self._age = 0
        regression, stops = self._faded()
        field = Field(grid, self._average, regression, self._enhancer.spread(frame, stops))
        return Curves(field, replace(field, statistics=statistics), new_shot)

    def _calibrate(self, frame: Canvas, grid: BlockGrid, statistics: FloatArray) -> _Calibration:
        return self._fast.calibrate(frame, grid, statistics), self._enhancer.stops_of(frame)

    def _faded(self) -> _Calibration:
        share = (self._age + 1) / (FADE + 1)
        if self._before is self._now or share >= 1:
            return self._now
        (regression, stops), (new_regression, new_stops) = self._before, self._now
        return blend(regression, new_regression, share), (1 - share) * stops + share * new_stops


class SteadyExposure:
    """The exposure of frames that are enhanced each by itself.

    It is found at a cut and every :data:`RENEW` frames, and in between moves towards what was found.

    Args:
        stops_of: finds the exposure of a frame: by how many stops it is exposed, and by how many more its dark places.
    """

    def __init__(self, stops_of: Callable[[Canvas], FloatArray]) -> None:
        self._stops_of = stops_of
        self._frames = 0
        self._stops: FloatArray = np.zeros(2, np.float32)
        self._aim = self._stops

    def next(self, frame: Canvas, new_shot: bool) -> FloatArray:
        """Return the exposure of the next frame; ``new_shot`` says that a cut lies before it."""
        if new_shot or self._frames == 0:
            self._stops = self._aim = self._stops_of(frame)
            self._frames = 0
        elif self._frames % RENEW == 0:
            self._aim = self._stops_of(frame)
        self._frames += 1
        self._stops = self._stops + (self._aim - self._stops) / FADE
        return self._stops


def cells_of(levels: FloatArray) -> FloatArray:
    """Average rows x columns x 3 over large cells, about 16 along the longer side."""
    return block_means(levels, max(1, max(levels.shape[:2]) // CELLS))


def is_cut(before: FloatArray | None, now: FloatArray) -> bool:
    """Return whether a cut lies between two successive frames, by their cells; there is none before the first."""
    if before is None:
        return False
    return bool(np.abs(now - before).mean() > CUT * max(now.mean(), before.mean()))


def smooth(average: FloatArray, statistics: FloatArray, smoothing: float) -> FloatArray:
    """Move the average statistics, rows x columns x 9, towards those of a frame, see :class:`SteadyCurves`."""
    if not smoothing:
        return statistics
    change = statistics - average
    distance = np.abs(_around(change[..., :3])).max(-1, keepdims=True)
    keep = smoothing * np.exp(-np.square(distance / np.float32(NOISE)))
    moved: FloatArray = average + (1 - keep) * change
    return moved


def _around(values: FloatArray) -> FloatArray:
    """Average over 3 x 3 blocks."""
    rows, columns = values.shape[:2]
    wide = with_surroundings(values, (slice(0, rows), slice(0, columns)), 1)
    down = wide[:-2] + wide[1:-1] + wide[2:]
    mean: FloatArray = (down[:, :-2] + down[:, 1:-1] + down[:, 2:]) / np.float32(9)
    return mean
