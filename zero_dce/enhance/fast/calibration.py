"""From block statistics to curve maps: a regression for one picture, learned from some of its tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from zero_dce.enhance.canvas import Canvas
from zero_dce.enhance.fast.blocks import BlockGrid, read_beyond, with_surroundings
from zero_dce.enhance.graph import Backend
from zero_dce.enhance.graph.programs import Program
from zero_dce.enhance.pixels import Array
from zero_dce.enhance.reduce import block_means
from zero_dce.enhance.tiles import RADIUS

# Pixels on a side of a tile, and how many tiles: 0.2 megapixels, with their surroundings 0.4.
TILE_SIDE = 32
ACROSS, DOWN = 12, 16
TILES = ACROSS * DOWN
# Random features; twice as many gain 0.3 dB and take twice as long, half as many lose 1.8 dB.
HIDDEN = 256
RIDGE = 1e-3
# The largest value of a statistic within a tile counts less than its mean when tiles are compared.
PEAK = 0.3
# Tiles that differ by less than this are the same.
NOTHING = np.float32(1e-3)
SEED = 0

Origin = tuple[int, int]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Regression:
    """Curve maps of blocks as a function of their statistics ``f``, clipped to what the tiles have shown.

    ``maps = direct f + output relu(hidden f + hidden_bias) + bias``, all float32 matrices; ``f`` is 18 x blocks.
    """

    low: Floats
    high: Floats
    hidden: Floats
    hidden_bias: Floats
    output: Floats
    direct: Floats
    bias: Floats

    def arrays(self) -> list[Floats]:
        """Return the matrices, in their order."""
        return [getattr(self, field.name) for field in fields(self)]


def calibrate(canvas: Canvas, grid: BlockGrid, statistics: Array, backend: Backend, estimate: Program) -> Regression:
    """Run the network on some tiles at full size, and learn from them.

    Args:
        canvas: the picture.
        grid: its blocks.
        statistics: of its blocks, rows x columns x 9.
        backend: runs the network.
        estimate: the network, from pixels to curve maps.
    """
    side = max(1, TILE_SIDE // grid.size)
    origins = choose_tiles(statistics, side, TILES)
    windows = [_window(canvas, grid, origin, side) for origin in origins]
    maps = [block_means(tile, grid.size) for tile in _estimate(windows, backend, estimate)]
    parts = [(slice(top, top + side), slice(left, left + side)) for top, left in origins]
    inputs = [_features(with_surroundings(statistics, part, 1)) for part in parts]
    return fit(*(np.concatenate([part.reshape(-1, part.shape[2]) for part in parts]) for parts in (inputs, maps)))


def choose_tiles(statistics: Array, side: int, count: int) -> list[Origin]:
    """Choose tiles that show what a picture holds: half of them spread evenly, half as unlike the others as possible.

    Tiles at the picture's border are left out where there are others: the network sees its zero padding there.

    Args:
        statistics: of blocks, rows x columns x 9.
        side: of a tile, in blocks.
        count: how many, at most.

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

    def distances(index: int) -> Floats:
        # The square of a difference, multiplied out: one pass over the tiles. Rounding leaves a little of nothing.
        found: Floats = (squares + squares[index] - 2 * looks @ looks[index]).clip(NOTHING) - NOTHING
        return found

    distance = np.min([distances(index) for index in chosen], axis=0)
    distance[~inner.ravel()] = 0
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, distances(chosen[-1]))
    return [(index // across * side, index % across * side) for index in chosen]


def fit(inputs: Floats, maps: Floats) -> Regression:
    """Fit a ridge regression on the inputs and on random combinations of them.

    Args:
        inputs: samples x features.
        maps: samples x maps.
    """
    generator = np.random.default_rng(SEED)
    mean, scale = inputs.mean(0), inputs.std(0) + 1e-4
    weight = (generator.normal(size=(inputs.shape[1], HIDDEN)) / inputs.shape[1] ** 0.5 / scale[:, None]).astype(
        np.float32
    )
    offset = (generator.normal(size=HIDDEN) - mean @ weight).astype(np.float32)
    basis = np.concatenate(((inputs - mean) / scale, np.maximum(inputs @ weight + offset, 0)), axis=1)
    centre, spread = basis.mean(0), basis.std(0) + 1e-5
    basis = (basis - centre) / spread
    gram = basis.T @ basis / len(basis) + RIDGE * np.eye(basis.shape[1])
    solution = np.linalg.solve(gram, basis.T @ (maps - maps.mean(0)) / len(basis)) / spread[:, None]
    direct = solution[: inputs.shape[1]] / scale[:, None]
    bias = maps.mean(0) - centre @ solution - (mean / scale) @ solution[: inputs.shape[1]]
    columns = (inputs.min(0), inputs.max(0), weight, offset, solution[inputs.shape[1] :], direct, bias)
    # As matrices from features to maps, one block a column.
    return Regression(*(np.ascontiguousarray(np.atleast_2d(part).T, dtype=np.float32) for part in columns))


def blend(first: Regression, second: Regression, weight: float) -> Regression:
    """Return the regression whose maps are ``(1 - weight) * first + weight * second``, on what either was shown."""
    shares = ((first, np.float32(1 - weight)), (second, np.float32(weight)))
    return Regression(
        np.minimum(first.low, second.low),
        np.maximum(first.high, second.high),
        np.concatenate((first.hidden, second.hidden)),
        np.concatenate((first.hidden_bias, second.hidden_bias)),
        np.concatenate([share * part.output for part, share in shares], axis=1),
        shares[0][1] * first.direct + shares[1][1] * second.direct,
        shares[0][1] * first.bias + shares[1][1] * second.bias,
    )


def _window(canvas: Canvas, grid: BlockGrid, origin: Origin, side: int) -> Array:
    top, left = (index * grid.size for index in origin)
    length = side * grid.size
    return read_beyond(canvas, left - RADIUS, top - RADIUS, left + length + RADIUS, top + length + RADIUS)


def _estimate(windows: Sequence[Array], backend: Backend, estimate: Program) -> list[Array]:
    """Run the network on all windows at once, side by side in one picture; return the maps of their inner parts.

    The network does not see past what is cut off, so neighbours do not matter.
    """
    side = len(windows[0])
    filled = [*windows, *[windows[-1]] * (TILES - len(windows))]
    mosaic = np.concatenate([np.concatenate(filled[row * ACROSS : (row + 1) * ACROSS], axis=1) for row in range(DOWN)])
    (maps,) = backend.run(estimate, mosaic)
    inner = slice(RADIUS, side - RADIUS)
    places = [(index // ACROSS * side, index % ACROSS * side) for index in range(len(windows))]
    return [maps[top : top + side, left : left + side][inner, inner] for top, left in places]


def _features(padded: Array) -> Array:
    """Return statistics, and their means over 3 x 3 blocks, of all blocks but the outermost: h x w x 18."""
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    around = sum(padded[y : y + height, x : x + width] for y in range(3) for x in range(3)) / np.float32(9)
    return np.concatenate((padded[1:-1, 1:-1], around), axis=2)


def _looks(statistics: Array, side: int, down: int, across: int) -> Floats:
    """Describe tiles by mean and peak of their standardised statistics: tiles x 18."""
    part = statistics[: down * side, : across * side]
    mean, scale = part.mean((0, 1)), part.std((0, 1)) + 1e-4
    tiles = part.reshape(down, len(part) // down, across, part.shape[1] // across, -1)
    looks = ((tiles.mean((1, 3)) - mean) / scale, PEAK * (tiles.max((1, 3)) - mean) / scale)
    return np.concatenate(looks, axis=2).reshape(down * across, -1)


def _without_border(length: int) -> slice:
    return slice(1, -1) if length > 2 else slice(None)


def _spread(down: int, across: int, count: int) -> list[int]:
    """Return one tile at random in each cell of an even grid of about ``count`` cells."""
    rows = min(max(1, round((count * down / across) ** 0.5)), down)
    columns = min(max(1, round(count / rows)), across)
    y, x = np.random.default_rng(SEED).random((2, rows, columns))
    tops = ((np.arange(rows)[:, None] + y) * down / rows).astype(int)
    lefts = ((np.arange(columns) + x) * across / columns).astype(int)
    return sorted(set((tops * across + lefts).ravel().tolist()))
