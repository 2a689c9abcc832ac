"""Flicker: how much brightness varies from frame to frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.reduce import block_means
from zero_dce.images.canvas import LUMA, PixelArray

# The side of a block in pixels; smaller blocks would measure the sensor's noise instead of flicker.
FLICKER_BLOCK = 64


class Flicker:
    """Measures the flicker of successive frames.

    ``b`` is the mean Rec. 601 luma of each block of :data:`FLICKER_BLOCK` x :data:`FLICKER_BLOCK` pixels. The flicker
    is the mean of ``|b[t - 1] - 2 b[t] + b[t + 1]| / 4`` over blocks and frames, relative to the mean of ``b``, in per
    cent. So it is 0 for light that stays or changes steadily, and 1 for light that alternates between 1 % above and 1 %
    below its mean. It is relative, because brightening multiplies the variation of the clip itself. Motion counts too,
    so only values of the same clip can be compared.
    """

    def __init__(self) -> None:
        self._last: deque[FloatArray] = deque(maxlen=3)
        self._change = self._level = 0.0
        self._count = 0

    def add(self, pixels: PixelArray, new_shot: bool = False) -> None:
        """Add the next frame.

        Args:
            pixels: H x W x 3, of the same size every time.
            new_shot: whether a cut lies before this frame, so that it is not compared with earlier ones.
        """
        if new_shot:
            self._last.clear()
        self._last.append(block_means(pixels, FLICKER_BLOCK) @ (np.array(LUMA, np.float32) / 65536))
        if len(self._last) == 3:
            before, now, after = self._last
            self._change += float(np.abs(before - 2 * now + after).mean()) / 4
            self._level += float(now.mean())
            self._count += 1

    @property
    def percent(self) -> float:
        """Return the flicker so far; NaN if no shot has three frames yet, 0 for black."""
        if not self._count:
            return float("nan")
        return 100 * self._change / self._level if self._level else 0.0


def flicker(frames: PixelArray) -> float:
    """Return the flicker of frames, T x H x W x 3, see :class:`Flicker`."""
    meter = Flicker()
    for frame in frames:
        meter.add(frame)
    return meter.percent
