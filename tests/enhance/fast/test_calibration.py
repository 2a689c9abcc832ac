from __future__ import annotations

import numpy as np

from zero_dce.enhance.fast.calibration import Regression, blend, choose_tiles, fit


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


def test_blend_lies_between() -> None:
    generator = np.random.default_rng(0)
    inputs = generator.random((500, 18), dtype=np.float32)
    first, second = (fit(inputs, generator.random((500, 3), dtype=np.float32)) for _ in range(2))

    def predict(model: Regression) -> np.ndarray:
        hidden = np.maximum(model.hidden @ inputs.T + model.hidden_bias, 0)
        return model.direct @ inputs.T + model.output @ hidden + model.bias

    assert np.allclose(predict(blend(first, second, 0.25)), 0.75 * predict(first) + 0.25 * predict(second), atol=1e-5)


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
