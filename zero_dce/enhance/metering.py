"""The exposure of a picture that is enhanced tile by tile, found on a small copy of it."""

from __future__ import annotations

import numpy as np

from zero_dce.curves import apply_curves
from zero_dce.enhance.graph import Backend
from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.reduce import covered_size, reduced_pixels
from zero_dce.exposure.dodging import DODGED_CELLS, enlarge, local_stops
from zero_dce.exposure.setting import stops_for
from zero_dce.images.canvas import Box, Canvas

# The network runs on a copy whose longer side has at most so many pixels. A larger picture is averaged to that, which
# changes its maps by little, and its mean by less.
LONGEST_COPY = 512
# What is done to dark places is found on a smaller one, as it is found anew for each frame of a clip.
PLACES_COPY = 2 * DODGED_CELLS


def find_stops(canvas: Canvas, exposure: str | float, backend: Backend, estimate: Program) -> FloatArray:
    """Return by how many stops a picture is to be exposed once it is enhanced, and by how many more its dark places.

    Args:
        canvas: the picture; it is only read.
        exposure: ``auto``, ``off``, or the mean to reach.
        backend: runs the network.
        estimate: the network, from pixels to curve maps.

    Returns:
        Two numbers, see :func:`zero_dce.exposure.setting.stops_for`.
    """
    if exposure == "off":
        return np.zeros(2, np.float32)
    image, maps = _small_copy(canvas, LONGEST_COPY, backend, estimate)
    stops: FloatArray = stops_for(exposure, image, apply_curves(image, maps)).reshape(2)
    return stops


def spread_stops(canvas: Canvas, stops: FloatArray, strength: float, backend: Backend, estimate: Program) -> FloatArray:
    """Return by how many stops each place of a picture is exposed.

    Args:
        canvas: the picture; it is only read.
        stops: two numbers, see :func:`find_stops`.
        strength: the factor that scales the curve maps.
        backend: runs the network.
        estimate: the network, from pixels to curve maps.

    Returns:
        1 x 2 x h x w, see :func:`zero_dce.exposure.dodging.local_stops`, for :func:`stops_in`.
    """
    pair = stops.astype(np.float32).reshape(1, 2, 1, 1)
    if pair[0, 1] == 0:
        # The same for all places: no slope, and an offset.
        return pair[:, ::-1]
    image, maps = _small_copy(canvas, PLACES_COPY, backend, estimate)
    local: FloatArray = local_stops(apply_curves(image, maps * np.float32(strength)), pair)
    return local


def stops_in(local: FloatArray, box: Box, canvas: Canvas) -> FloatArray:
    """Return slope and offset of each pixel of a box, which may reach beyond the picture, H x W x 2, as programs do."""
    return np.moveaxis(enlarge(local, box, covered_size(canvas, PLACES_COPY))[0], 0, 2)


def _small_copy(canvas: Canvas, longest: int, backend: Backend, estimate: Program) -> tuple[FloatArray, FloatArray]:
    """Return a small copy of a picture, 1 x 3 x H x W, and its curve maps."""
    pixels = reduced_pixels(canvas, longest)
    (maps,) = backend.run(estimate, pixels)
    return np.moveaxis(pixels, 2, 0)[None], np.moveaxis(maps, 2, 0)[None]
