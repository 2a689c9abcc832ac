"""The exposure of a picture that is enhanced tile by tile, found on a small copy of it."""

from __future__ import annotations

import numpy as np

from zero_dce.curves import apply_curves
from zero_dce.enhance.graph import Backend
from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.reduce import reduced_pixels
from zero_dce.exposure import stops_for
from zero_dce.images.canvas import Canvas

# The network runs on a copy whose longer side has at most so many pixels. A larger picture is averaged to that, which
# changes its maps by little, and its mean by less.
LONGEST_COPY = 512


def find_stops(canvas: Canvas, exposure: str | float, backend: Backend, estimate: Program) -> FloatArray:
    """Return by how many stops a picture is to be exposed, and lifted, once it is enhanced.

    Args:
        canvas: the picture; it is only read.
        exposure: ``auto``, ``off``, or the mean to reach.
        backend: runs the network.
        estimate: the network, from pixels to curve maps.

    Returns:
        Two numbers, see :func:`zero_dce.exposure.stops_for`.
    """
    if exposure == "off":
        return np.zeros(2, np.float32)
    pixels = reduced_pixels(canvas, LONGEST_COPY)
    (maps,) = backend.run(estimate, pixels)
    image, curve_maps = (np.moveaxis(values, 2, 0)[None] for values in (pixels, maps))
    stops: FloatArray = stops_for(exposure, image, apply_curves(image, curve_maps)).reshape(2)
    return stops
