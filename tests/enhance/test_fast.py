from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.helpers.networks import make_weights
from zero_dce.enhance.canvas import ArrayCanvas
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast import mode
from zero_dce.enhance.fast.application import application_program
from zero_dce.enhance.fast.blocks import BlockGrid, read_beyond, with_surroundings
from zero_dce.enhance.fast.calibration import choose_tiles, fit
from zero_dce.enhance.fast.statistics import measure, statistics_program
from zero_dce.enhance.graph import BACKENDS, choose_backend

WEIGHTS = make_weights()


def smooth_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft shapes with a little noise, dark to bright."""
    generator = np.random.default_rng(seed)
    small = generator.random((height // 40 + 2, width // 40 + 2, 3)) ** 2
    channels = [
        np.asarray(Image.fromarray(small[..., c].astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    return (np.stack(channels, -1) + generator.normal(0, 0.01, (height, width, 3))).clip(0, 1).astype(np.float32)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(first.astype(np.float64) - second).mean() + 1e-20))


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 9), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_parts_cover_the_grid_in_one_shape(width: int, height: int, size: int, side: int) -> None:
    grid = BlockGrid(width, height, size)
    assert (grid.columns - 1) * size < width <= grid.columns * size
    covered = np.zeros((grid.rows, grid.columns), bool)
    parts = list(grid.parts(side * size))
    for part in parts:
        covered[part] = True
    assert covered.all()
    assert {(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in parts} == {
        (min(side, grid.rows), min(side, grid.columns))
    }


def test_the_edge_is_repeated_outside() -> None:
    image = smooth_picture(7, 9)
    outside = read_beyond(ArrayCanvas(image), -2, -1, 12, 10)
    assert np.array_equal(outside, np.pad(image, ((1, 3), (2, 3), (0, 0)), mode="edge"))
    part = (slice(0, 2), slice(8, 9))
    assert np.array_equal(
        with_surroundings(image, part, 2), np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge")[:6, 8:]
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("size", "height", "width"), [(4, 30, 41), (3, 9, 200), (1, 5, 6), (8, 8, 8)])
def test_statistics_by_hand(backend: str, size: int, height: int, width: int) -> None:
    image = smooth_picture(height, width)
    grid = BlockGrid(width, height, size)
    found = measure(ArrayCanvas(image), grid, choose_backend(backend, WEIGHTS, "float32"), statistics_program(size))
    whole = np.pad(image, ((0, grid.rows * size - height), (0, grid.columns * size - width), (0, 0)), mode="edge")
    down, across = (np.abs(np.diff(whole, axis=axis, prepend=np.take(whole, [0], axis))) for axis in (0, 1))
    blocks = [
        part.reshape(grid.rows, size, grid.columns, size, 3).swapaxes(1, 2).reshape(grid.rows, grid.columns, -1, 3)
        for part in (whole, down + across)
    ]
    expected = np.concatenate((blocks[0].mean(2), blocks[0].std(2), blocks[1].mean(2)), axis=2)
    assert np.abs(found - expected).max() <= 2e-3
    assert np.abs((found - expected)[..., [0, 1, 2, 6, 7, 8]]).max() <= 1e-6


def test_a_linear_dependence_is_learned() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.random((3000, 18), dtype=np.float32)
    maps = (inputs @ generator.normal(size=(18, 24)) * 0.1).astype(np.float32)
    model = fit(inputs, maps)
    hidden = np.maximum(model.hidden @ inputs.T + model.hidden_bias, 0)
    found = model.direct @ inputs.T + model.output @ hidden + model.bias
    # The ridge takes a little of everything.
    assert np.abs(found.T - maps).mean() <= 0.01 * maps.std()
    assert np.array_equal(model.low[:, 0], inputs.min(0))
    assert np.array_equal(model.high[:, 0], inputs.max(0))


def test_the_rare_is_among_the_tiles() -> None:
    """One tile in 2,000 is unlike the others; an even spread would mostly miss it."""
    statistics = np.random.default_rng(0).normal(0.2, 0.01, (320, 400, 9)).astype(np.float32)
    statistics[160:168, 200:208] = 0.9
    tiles = choose_tiles(statistics, 8, 192)
    assert (160, 200) in tiles
    assert len(tiles) == len(set(tiles)) == 192
    assert all(8 <= top < 312 and 8 <= left < 392 for top, left in tiles), "the border is left out"


def test_a_flat_picture_has_nothing_to_choose() -> None:
    assert 1 <= len(choose_tiles(np.zeros((64, 64, 9), np.float32), 8, 192)) <= 96


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("network", ["zero_dce", "zero_dce_pp"])
def test_application_by_hand(backend: str, network: str) -> None:
    """With a regression of nothing but a bias, every pixel gets that curve; with one of means, maps are enlarged."""
    maps = 24 if network == "zero_dce" else 3
    image = smooth_picture(20, 28)
    statistics = np.zeros((5 + 4, 7 + 4, 9), np.float32)
    statistics[..., 0] = np.linspace(0, 0.5, 11)
    zeros = {name: np.zeros(shape, np.float32) for name, shape in {"hidden": (256, 18), "output": (maps, 256)}.items()}
    direct = np.zeros((maps, 18), np.float32)
    direct[:, 0] = -1
    limits = np.full((18, 1), 9, np.float32)
    matrices = [-limits, limits, zeros["hidden"], np.zeros((256, 1), np.float32), zeros["output"], direct]
    bias = np.full((maps, 1), -0.1, np.float32)
    tool = choose_backend(backend, make_weights(network), "float32")
    program = application_program(network, 4, 5, 7, with_map=True)
    enhanced, mean_map = tool.run(program, image, statistics, *matrices, bias)
    columns = np.interp((np.arange(28) + 0.5) / 4 - 0.5, np.arange(-2, 9), np.linspace(0, 0.5, 11))
    expected_map = np.broadcast_to(-0.1 - columns[:, None], (20, 28, 3))
    assert np.abs(mean_map - expected_map).max() <= 1e-6
    expected = image
    for _ in range(8):
        expected = expected + expected_map * (expected * expected - expected)
    assert np.abs(enhanced - expected).max() <= 1e-6


@pytest.mark.parametrize("network", ["zero_dce", "zero_dce_pp"])
def test_near_the_exact_picture(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small picture, with the same code; how near on photographs, benchmarks/fast.py says."""
    monkeypatch.setattr(mode, "LEAST_PIXELS", 1)
    image = smooth_picture(300, 411)
    weights = make_weights(network)
    fast = Enhancer(weights, mode="fast", backend="torch").enhance(ArrayCanvas(image)).pixels
    exact = Enhancer(weights, backend="torch").enhance(ArrayCanvas(image)).pixels
    plain = psnr(image, exact)
    assert psnr(fast, exact) >= plain + 12
    for name in BACKENDS:
        other = Enhancer(weights, mode="fast", backend=name).enhance(ArrayCanvas(image)).pixels
        assert psnr(other, fast) >= 60


def test_the_same_twice_and_in_the_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mode, "LEAST_PIXELS", 1)
    image = ArrayCanvas((smooth_picture(200, 300) * 255).round().astype(np.uint8))
    tool = Enhancer(WEIGHTS, mode="fast")
    maps, exact_maps = (ArrayCanvas(np.zeros((200, 300, 3), np.uint8)) for _ in range(2))
    done: list[int] = []
    first = tool.enhance(image, maps, done.append)
    assert 0.9 * 200 * 300 <= sum(done) <= 200 * 300
    assert np.array_equal(first.pixels, tool.enhance(image).pixels)
    Enhancer(WEIGHTS).enhance(image, exact_maps)
    assert np.abs(maps.pixels.astype(int) - exact_maps.pixels).mean() <= 4


def test_a_small_picture_is_computed_exactly() -> None:
    image = ArrayCanvas((smooth_picture(64, 80) * 255).astype(np.uint8))
    assert np.array_equal(Enhancer(WEIGHTS, mode="fast").enhance(image).pixels, Enhancer(WEIGHTS).enhance(image).pixels)


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="--mode is 'quick'; expected one of exact, fast"):
        Enhancer(WEIGHTS, mode="quick")
    with pytest.raises(ValueError, match="--factor is 0"):
        Enhancer(WEIGHTS, mode="fast", factor=0)
