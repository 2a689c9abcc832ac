"""Calibration: a regression from block statistics to curve maps, learned from some tiles of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from zero_dce.enhance.fast.blocks import BlockGrid, read_beyond, with_surroundings
from zero_dce.enhance.graph import Backend
from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.reduce import block_means
from zero_dce.enhance.tiles import RECEPTIVE_RADIUS
from zero_dce.images.canvas import Canvas, PixelArray

# Tiles of 32 x 32 pixels, 192 of them, are 0.2 megapixels, and 0.4 with their surroundings.
TILE_SIDE = 32
ACROSS, DOWN = 12, 16
TILE_COUNT = ACROSS * DOWN
# Twice as many random features gain 0.3 dB and take twice as long, half as many lose 1.8 dB.
HIDDEN = 256
RIDGE = 1e-3
# When tiles are compared, the largest value of a statistic within a tile has this weight beside its mean.
PEAK = 0.3
# Tiles whose squared distance is below this count as equal, because rounding leaves as much between equal ones.
NOTHING = np.float32(1e-3)
CALIBRATION_SEED = 0


@dataclass(frozen=True)
class Regression:
    """Curve maps of blocks as a function of their statistics ``f``, which are clipped to the range in the tiles.

    ``maps = direct f + output relu(hidden f + hidden_bias) + bias``, all float32 matrices; ``f`` is 18 x blocks.
    """

    low: FloatArray
    high: FloatArray
    hidden: FloatArray
    hidden_bias: FloatArray
    output: FloatArray
    direct: FloatArray
    bias: FloatArray

    def arrays(self) -> list[FloatArray]:
        """Return the matrices in the order of the fields."""
        return [getattr(self, field.name) for field in fields(self)]


def calibrate(
    canvas: Canvas, grid: BlockGrid, statistics: FloatArray, backend: Backend, estimate: Program
) -> Regression:
    """Run the network on some tiles at full size, and fit a regression to the results.

    Args:
        canvas: the picture.
        grid: its blocks.
        statistics: of its blocks, rows x columns x 9.
        backend: runs the network.
        estimate: the network, from pixels to curve maps.
    """
    side = max(1, TILE_SIDE // grid.size)
    length = side * grid.size + 2 * RECEPTIVE_RADIUS
    windows, inputs = [], []
    for top, left in choose_tiles(statistics, side, TILE_COUNT):
        y, x = top * grid.size - RECEPTIVE_RADIUS, left * grid.size - RECEPTIVE_RADIUS
        windows.append(read_beyond(canvas, x, y, x + length, y + length))
        part = (slice(top, top + side), slice(left, left + side))
        inputs.append(_features(with_surroundings(statistics, part, 1)))
    maps = [block_means(tile, grid.size) for tile in _estimate(windows, backend, estimate)]
    return fit(_as_samples(inputs), _as_samples(maps))


def _as_samples(blocks: Sequence[FloatArray]) -> FloatArray:
    """Join values of blocks, each h x w x C, to one row per block."""
    return np.concatenate([values.reshape(-1, values.shape[2]) for values in blocks])


def choose_tiles(statistics: FloatArray, side: int, count: int) -> list[tuple[int, int]]:
    """Choose tiles that represent a picture: half of them spread evenly, half as unlike the others as possible.

    Tiles at the picture's border are left out where there are others, because there the network sees its zero padding.

    Args:
        statistics: of blocks, rows x columns x 9.
        side: of a tile, in blocks.
        count: the largest number of tiles.

    Returns:
        Row and column of the first block of each.
    """
    down, across = (max(1, length // side) for length in statistics.shape[:2])
    looks = _looks(statistics, side, down, across)
    inner = np.zeros((down, across), bool)
    inner[_without_border(down), _without_border(across)] = True
    chosen = [index for index in _spread(down, across, count // 2) if inner.flat[index]]
    chosen = chosen or [int(inner.argmax())]
    squares = (looks**2).sum(1)

    def distances(index: int) -> FloatArray:
        # Expanding the squared difference compares all tiles in one matrix product.
        found: FloatArray = (squares + squares[index] - 2 * looks @ looks[index]).clip(NOTHING) - NOTHING
        return found

    distance = np.min([distances(index) for index in chosen], axis=0)
    distance[~inner.ravel()] = 0
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, distances(chosen[-1]))
    return [(index // across * side, index % across * side) for index in chosen]


def fit(inputs: FloatArray, maps: FloatArray) -> Regression:
    """Fit a ridge regression on the inputs and on random combinations of them.

    Args:
        inputs: samples x features.
        maps: samples x maps.
    """
    generator = np.random.default_rng(CALIBRATION_SEED)
    count = inputs.shape[1]
    mean, scale = inputs.mean(0), inputs.std(0) + 1e-4
    weight = (generator.normal(size=(count, HIDDEN)) / count**0.5 / scale[:, None]).astype(np.float32)
    offset = (generator.normal(size=HIDDEN) - mean @ weight).astype(np.float32)
    basis = np.concatenate(((inputs - mean) / scale, np.maximum(inputs @ weight + offset, 0)), axis=1)
    centre, spread = basis.mean(0), basis.std(0) + 1e-5
    basis = (basis - centre) / spread
    gram = basis.T @ basis / len(basis) + RIDGE * np.eye(basis.shape[1])
    solution = np.linalg.solve(gram, basis.T @ (maps - maps.mean(0)) / len(basis)) / spread[:, None]
    direct = solution[:count] / scale[:, None]
    bias = maps.mean(0) - centre @ solution - (mean / scale) @ solution[:count]
    columns = (inputs.min(0), inputs.max(0), weight, offset, solution[count:], direct, bias)
    # The graph applies the matrices to features with one block per column.
    return Regression(*(np.ascontiguousarray(np.atleast_2d(part).T, dtype=np.float32) for part in columns))


def blend(first: Regression, second: Regression, weight: float) -> Regression:
    """Return the regression whose maps are ``(1 - weight) * first + weight * second``, on the ranges of both."""
    rest, share = np.float32(1 - weight), np.float32(weight)
    return Regression(
        np.minimum(first.low, second.low),
        np.maximum(first.high, second.high),
        np.concatenate((first.hidden, second.hidden)),
        np.concatenate((first.hidden_bias, second.hidden_bias)),
        np.concatenate((rest * first.output, share * second.output), axis=1),
        rest * first.direct + share * second.direct,
        rest * first.bias + share * second.bias,
    )


def _estimate(windows: Sequence[PixelArray], backend: Backend, estimate: Program) -> list[FloatArray]:
    """Run the network on all windows at once, side by side in one picture; return the maps of their inner parts.

    The margin that is cut off is as wide as the network sees, so neighbouring windows do not matter.
    """
    side = len(windows[0])
    filled = [*windows, *[windows[-1]] * (TILE_COUNT - len(windows))]
    mosaic = np.concatenate([np.concatenate(filled[row * ACROSS : (row + 1) * ACROSS], axis=1) for row in range(DOWN)])
    (maps,) = backend.run(estimate, mosaic)
    found, inner = [], side - RECEPTIVE_RADIUS
    for index in range(len(windows)):
        top, left = index // ACROSS * side, index % ACROSS * side
        found.append(maps[top + RECEPTIVE_RADIUS : top + inner, left + RECEPTIVE_RADIUS : left + inner])
    return found


def _features(padded: FloatArray) -> FloatArray:
    """Return the statistics, and their means over 3 x 3 blocks, of all blocks but the outermost: h x w x 18."""
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    around = sum(padded[y : y + height, x : x + width] for y in range(3) for x in range(3)) / np.float32(9)
    return np.concatenate((padded[1:-1, 1:-1], around), axis=2)


def _looks(statistics: FloatArray, side: int, down: int, across: int) -> FloatArray:
    """Return the mean and peak of the tiles' standardised statistics: tiles x 18."""
    part = statistics[: down * side, : across * side]
    mean, scale = part.mean((0, 1)), part.std((0, 1)) + 1e-4
    tiles = part.reshape(down, len(part) // down, across, part.shape[1] // across, -1)
    looks = ((tiles.mean((1, 3)) - mean) / scale, PEAK * (tiles.max((1, 3)) - mean) / scale)
    return np.concatenate(looks, axis=2).reshape(down * across, -1)


def _without_border(length: int) -> slice:
    return slice(1, -1) if length > 2 else slice(None)


def _spread(down: int, across: int, count: int) -> list[int]:
    """Return a random tile in each cell of an even grid of about ``count`` cells."""
    rows = min(max(1, round((count * down / across) ** 0.5)), down)
    columns = min(max(1, round(count / rows)), across)
    y, x = np.random.default_rng(CALIBRATION_SEED).random((2, rows, columns))
    tops = ((np.arange(rows)[:, None] + y) * down / rows).astype(int)
    lefts = ((np.arange(columns) + x) * across / columns).astype(int)
    return sorted(set((tops * across + lefts).ravel().tolist()))
