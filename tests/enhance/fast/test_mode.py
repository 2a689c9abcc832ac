from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.networks import make_weights
from tests.helpers.pictures import smooth_picture
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.fast import mode
from zero_dce.enhance.graph import BACKENDS
from zero_dce.images.canvas import ArrayCanvas

WEIGHTS = make_weights()


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(first.astype(np.float64) - second).mean() + 1e-20))


@pytest.mark.slow
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


def test_a_backlit_picture_is_dodged_as_in_exact_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sizes are no multiples of a block, and parts of one picture begin where no tile of the other does."""
    monkeypatch.setattr(mode, "LEAST_PIXELS", 1)
    image = smooth_picture(301, 411) * np.where(np.arange(301) < 170, 0.9, 0.03)[:, None, None].astype(np.float32)
    options = {"exposure": "auto", "denoise": 0, "precision": "float32"}
    exact, fast = (Enhancer(WEIGHTS, mode=name, **options) for name in ("exact", "fast"))
    canvas = ArrayCanvas(image)
    assert exact.stops_of(canvas)[1] > 0.3
    results = [tool.enhance(canvas).pixels for tool in (exact, fast)]
    undodged = exact.enhance(canvas, stops=exact.stops_of(canvas) * [1, 0]).pixels
    assert psnr(results[1], results[0]) >= psnr(undodged, results[0]) + 10


def test_a_small_picture_is_computed_exactly() -> None:
    image = ArrayCanvas((smooth_picture(64, 80) * 255).astype(np.uint8))
    assert np.array_equal(Enhancer(WEIGHTS, mode="fast").enhance(image).pixels, Enhancer(WEIGHTS).enhance(image).pixels)
