"""How much brightness wavers from frame to frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from zero_dce.enhance.canvas import LUMA
from zero_dce.enhance.pixels import Array
from zero_dce.enhance.reduce import block_means

# The side of a block in pixels: smaller ones measure the sensor's noise, not what flickers.
BLOCK = 64


class Flicker:
    """Measures the flicker of frames that come one after the other.

    Of each block of :data:`BLOCK` x :data:`BLOCK` pixels ``b`` is the mean Rec. 601 luma. The flicker is the mean of
    ``|b[t - 1] - 2 b[t] + b[t + 1]| / 4`` over blocks and frames, relative to the mean of ``b``, in per cent. So it is
    0 for what stays or changes steadily, and 1 for light that is in turn 1 % above and 1 % below its mean. Relative,
    since brightening multiplies what the clip itself wavers. Motion counts too: compare values of the same clip.
    """

    def __init__(self) -> None:
        self._last: deque[Array] = deque(maxlen=3)
        self._change = self._level = 0.0
        self._count = 0

    def add(self, pixels: Array, new_shot: bool = False) -> None:
        """Take the next frame.

        Args:
            pixels: H x W x 3, the same size every time.
            new_shot: a cut lies before this frame: it is not compared with those before.
        """
        if new_shot:
            self._last.clear()
        self._last.append(block_means(pixels, BLOCK) @ (np.array(LUMA, np.float32) / 65536))
        if len(self._last) == 3:
            before, now, after = self._last
            self._change += float(np.abs(before - 2 * now + after).mean()) / 4
            self._level += float(now.mean())
            self._count += 1

    @property
    def percent(self) -> float:
        """Return the flicker so far; NaN where no shot has three frames, 0 for black."""
        if not self._count:
            return float("nan")
        return 100 * self._change / self._level if self._level else 0.0


def flicker(frames: Array) -> float:
    """Return the flicker of frames, T x H x W x 3, see :class:`Flicker`."""
    meter = Flicker()
    for frame in frames:
        meter.add(frame)
    return meter.percent
