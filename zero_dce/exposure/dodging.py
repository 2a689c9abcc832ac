"""Dodging: dark places are exposed longer than bright ones, as a printer in the darkroom does it.

One exposure serves the ground and the sky behind it alike, and a curve that lifts all shadows bleaches what is bright.
How long a place is exposed follows from how dark its surroundings are, and changes along the picture's own edges, so
that there are few halos and each place keeps its contrast.

It is found on a small copy of the picture, as a slope and an offset for each of its cells: ``stops = slope x guide +
offset``, where the guide is the mean over RGB of the square root of the enhanced picture (the guided filter of He, Sun
and Tang, ECCV 2010, with its coefficients enlarged, as in "Fast Guided Filter", arXiv 1505.00996). So a large picture
is dodged tile by tile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zero_dce.exposure.response import BLACKEST, expose
from zero_dce.exposure.search import detach, highest_stops, mean_of

# The small copy has at most so many cells along each side, and each sees so many around it.
DODGED_CELLS, NEIGHBOURS = 64, 6
# Brightness that varies around a cell by this share of the whole picture's variance counts half as an edge.
EDGES = 0.15
# The darkest quarter of a picture is brought to this mean: of 81 photographs that were chosen to be shown, all but one
# in twenty have a brighter one.
DARKEST, SHADOWS = 0.25, 0.1
# Black is exposed longer by no more than this, or its noise shows.
MOST_DODGED = 1.5
# A mean that lies so little below what is wanted, a quarter of a grey level, is there.
BARELY = 1e-3
_Matrix = NDArray[np.float64]
# Averages each cell and its neighbours.
Around = Callable[[Any], Any]


def expose_locally(image: Any, local: Any) -> Any:
    """Expose each pixel by its own number of stops.

    Args:
        image: B x 3 x H x W, range [0, 1].
        local: B x 2 x H x W: the slope and the offset of each pixel, see :func:`enlarge`.

    Returns:
        B x 3 x H x W, range [0, 1].
    """
    return expose(image, local[:, :1] * _guide(image) + local[:, 1:])


def local_stops(enhanced: Any, stops: Any) -> Any:
    """Return by how many stops each place of a picture is exposed.

    Args:
        enhanced: B x 3 x H x W, range [0, 1]; it may be a small copy of the picture.
        stops: B x 2 x 1 x 1: by how many all of it is exposed, and by how many more black is: ``dodge``. A place whose
            surroundings come to the brightness ``b`` gets ``dodge (1 - b)^2`` more.

    Returns:
        B x 2 x h x w, at most :data:`DODGED_CELLS` a side: slope and offset, for :func:`enlarge`.
    """
    small, ev, dodge = shrink(detach(enhanced)), stops[:, :1], stops[:, 1:]
    slope, offset = cell_stops(small, ev)
    local = 0 * small[:, :2]
    local[:, :1], local[:, 1:] = dodge * slope, dodge * offset + ev
    return local


def cell_stops(small: Any, ev: Any, around: Around | None = None) -> tuple[Any, Any]:
    """Return slope and offset of each cell for one stop of ``dodge``; all else follows in proportion.

    Args:
        small: B x 3 x h x w, range [0, 1], see :func:`shrink`.
        ev: B x 1 x 1 x 1: by how many stops the whole picture is exposed.
        around: averages each cell and those up to :data:`NEIGHBOURS` from it, as far as the picture goes; a graph has
            its own, as it does not know the size yet.

    Returns:
        B x 1 x h x w each.
    """
    average = around or _around
    guide = _guide(small)
    wanted = (1 - expose(small, ev).mean(axis=1, keepdims=True)) ** 2
    mean_guide, mean_wanted = average(guide), average(wanted)
    covariance = average(guide * wanted) - mean_guide * mean_wanted
    variance = average(guide * guide) - mean_guide * mean_guide
    edge = EDGES * mean_of((guide - mean_of(guide)) ** 2)
    slope = covariance / (variance + edge + BLACKEST)
    return average(slope), average(mean_wanted - slope * mean_guide)


def dodge_to_reach(small: Any, ev: Any, rise: Any, shadows: Any, around: Around | None = None) -> Any:
    """Find by how many stops black is to be exposed longer, by bisection.

    Args:
        small: B x 3 x h x w, range [0, 1]: the enhanced picture's small copy, see :func:`shrink`.
        ev: B x 1 x 1 x 1: by how many stops the whole picture is exposed.
        rise: B x 1 x 1 x 1: dodging is to raise the mean by this much,
        shadows: B x 1 x 1 x 1: and the mean of the darkest quarter to this, range [0, 1].
        around: see :func:`cell_stops`.

    Returns:
        B x 1 x 1 x 1, range [0, MOST_DODGED]: the least that does both; 0 where nothing is to be done.
    """
    exposed = expose(small, ev)
    dark, before = _darkest(exposed), mean_of(exposed)
    slope, offset = cell_stops(small, ev, around)
    more = slope * _guide(small) + offset

    def dodged(picture: Any, dodge: Any) -> Any:
        return expose(picture, ev + dodge * more)

    def is_enough(picture: Any) -> Any:
        return (mean_of(picture) - before >= rise - BARELY) & (mean_of(picture * dark) >= shadows * mean_of(dark))

    return highest_stops(dodged, small, is_enough).clip(0, MOST_DODGED)


def enlarge(local: Any, box: tuple[int, int, int, int], size: tuple[int, int]) -> Any:
    """Return the slope and the offset of each pixel of a box, interpolated between the centres of cells.

    Args:
        local: B x 2 x h x w, see :func:`local_stops`.
        box: left, top, right and bottom in the picture's pixels; it may reach beyond the picture.
        size: the picture's width and height in pixels.

    Returns:
        B x 2 x (bottom - top) x (right - left).
    """
    left, top, right, bottom = box
    rows, down = _interpolation(top, bottom, size[1], local.shape[2])
    columns, across = _interpolation(left, right, size[0], local.shape[3])
    return _like(local, down) @ local[:, :, rows, columns] @ _like(local, across.T)


def shrink(image: Any) -> Any:
    """Average a picture over cells, :data:`DODGED_CELLS` along its longer side; a smaller one stays as it is."""
    longest = max(image.shape[2:])
    if longest <= DODGED_CELLS:
        return image
    down, across = (_averages(size, max(1, round(size * DODGED_CELLS / longest))) for size in image.shape[2:])
    return _like(image, down) @ image @ _like(image, across.T)


def roots_of(image: Any) -> Any:
    """Return a picture's square root, in which places differ in the dark as well as in the light."""
    return image.clip(BLACKEST, 1.0) ** 0.5


def _guide(image: Any) -> Any:
    return roots_of(image).mean(axis=1, keepdims=True)


def _darkest(image: Any) -> Any:
    """Return 1 where a picture is darkest, on :data:`DARKEST` of it or a little more, and 0 elsewhere."""
    grey = image.mean(axis=1, keepdims=True)
    threshold, step = 0 * grey[:, :, :1, :1] + 0.5, 0.25
    for _ in range(12):
        threshold = threshold + step * (1 - 2 * (1.0 * (mean_of(1.0 * (grey <= threshold)) >= DARKEST)))
        step /= 2
    return 1.0 * (grey <= threshold + 2 * step)


def _around(cells: Any) -> Any:
    """Average each cell and those up to :data:`NEIGHBOURS` from it, as far as the picture goes."""
    down, across = (_like(cells, _windows(size)) for size in cells.shape[2:])
    return down @ cells @ across.swapaxes(0, 1)


def _windows(size: int) -> _Matrix:
    places = np.arange(size)
    near = np.where(np.abs(places[:, None] - places) <= NEIGHBOURS, 1.0, 0.0)
    shares: _Matrix = near / near.sum(1, keepdims=True)
    return shares


def _averages(size: int, cells: int) -> _Matrix:
    """Return the matrix that averages pixels over cells of one size, which may share pixels."""
    edges, pixels = np.arange(cells + 1) * size / cells, np.arange(size)
    ends = np.minimum(edges[1:, None], pixels + 1)
    overlap = (ends - np.maximum(edges[:-1, None], pixels)).clip(0)
    return overlap * (cells / size)


def linear_weights(places: NDArray[Any], cells: NDArray[Any]) -> _Matrix:
    """Return the matrix that interpolates linearly between neighbouring cells, from their values to places."""
    weights: _Matrix = (1 - np.abs(places[:, None] - cells)).clip(0)
    return weights


def _interpolation(start: int, stop: int, size: int, cells: int) -> tuple[slice, _Matrix]:
    """Return the cells that some pixels need, and the matrix to them: linear between centres, constant outside."""
    places = ((np.arange(start, stop) + 0.5) * (cells / size) - 0.5).clip(0, cells - 1)
    first, last = int(places[0]), int(places[-1]) + 1
    needed = np.arange(first, min(last, cells - 1) + 1)
    return slice(first, needed[-1] + 1), linear_weights(places, needed)


def _like(values: Any, matrix: _Matrix) -> Any:
    """Return a matrix of the same kind, type and device as values."""
    return values.new_tensor(matrix) if hasattr(values, "new_tensor") else matrix.astype(values.dtype)
