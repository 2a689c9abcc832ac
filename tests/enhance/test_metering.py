"""The exposure of a picture that is larger than what the network sees at once."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.helpers.networks import make_weights
from zero_dce.curves import apply_curves
from zero_dce.enhance.graph import choose_backend
from zero_dce.enhance.graph.programs import estimation
from zero_dce.enhance.metering import LONGEST_COPY, find_stops, spread_stops, stops_in
from zero_dce.exposure.dodging import DODGED_CELLS, enlarge, expose_locally, local_stops
from zero_dce.exposure.search import ev_to_reach
from zero_dce.images.canvas import ArrayCanvas
from zero_dce.networks import make_network

WEIGHTS = make_weights()


def found(image: np.ndarray, exposure: str | float) -> list[float]:
    stops = find_stops(ArrayCanvas(image), exposure, choose_backend("torch", WEIGHTS, "float32"), estimation())
    assert stops.shape == (2,)
    return [float(value) for value in stops]


def test_a_small_picture_is_taken_as_it_is() -> None:
    image = np.random.default_rng(0).random((30, 50, 3), np.float32) / 3
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = ev_to_reach(make_network(WEIGHTS)(pixels)[0], 0.4)
    assert found(image, 0.4) == pytest.approx([expected.item(), 0], abs=1e-3)


def test_a_large_one_is_that_of_its_small_copy() -> None:
    small = np.random.default_rng(0).random((40, LONGEST_COPY // 2, 3), np.float32) / 3
    large = small.repeat(4, axis=0).repeat(4, axis=1)
    assert found(large, 0.4) == pytest.approx(found(small.repeat(2, axis=0).repeat(2, axis=1), 0.4), abs=1e-3)


def test_dark_8_bit_pictures_are_not_rounded_when_they_are_made_smaller() -> None:
    """Where levels 0 and 1 alternate, the small copy is half a level."""
    image = np.zeros((2 * LONGEST_COPY, 2 * LONGEST_COPY, 3), np.uint8)
    image[::2] = 1
    assert found(image, 0.3) == pytest.approx(found(np.full((512, 512, 3), 0.5 / 255, np.float32), 0.3), abs=1e-3)


def test_places_of_a_large_picture_are_those_of_its_small_copy() -> None:
    backend, stops = choose_backend("torch", WEIGHTS, "float32"), np.array([0.5, 1.0], np.float32)
    small = np.random.default_rng(0).random((2 * DODGED_CELLS, DODGED_CELLS, 3), np.float32)
    small[DODGED_CELLS:] *= 0.1
    large = ArrayCanvas(small.repeat(4, axis=0).repeat(4, axis=1))
    local = spread_stops(large, stops, 0.7, backend, estimation())
    assert local.shape == (1, 2, DODGED_CELLS, DODGED_CELLS // 2)
    with torch.no_grad():
        image = torch.from_numpy(small).permute(2, 0, 1)[None]
        enhanced = apply_curves(image, 0.7 * make_network(WEIGHTS).estimate_curves(image))
        expected = local_stops(enhanced, torch.from_numpy(stops).view(1, 2, 1, 1))
    assert np.abs(local - expected.numpy()).max() <= 1e-4
    whole, part = (stops_in(local, box, large) for box in ((0, 0, 256, 512), (10, 200, 60, 300)))
    assert np.abs(whole[200:300, 10:60] - part).max() <= 1e-6
    assert whole.shape == (512, 256, 2)


def test_places_of_a_picture_whose_sides_are_no_multiples() -> None:
    """The small copy reaches beyond the picture; its cells do not move because of that."""
    backend = choose_backend("torch", WEIGHTS, "float32")
    pixels = np.random.default_rng(0).random((2 * DODGED_CELLS + 1, 300, 3), np.float32) * 0.1 + 0.8
    pixels[:, :100] *= 0.05
    canvas = ArrayCanvas(pixels)
    local = spread_stops(canvas, np.array([0.0, 1.0]), 0.0, backend, estimation())
    size = (300, 2 * DODGED_CELLS + 1)
    found = stops_in(local, (0, 0, *size), canvas)
    image = np.moveaxis(pixels, 2, 0)[None]
    whole = enlarge(local_stops(image, np.array([0, 1], np.float32).reshape(1, 2, 1, 1)), (0, 0, *size), size)
    expected, got = (expose_locally(image, values) for values in (whole, np.moveaxis(found, 2, 0)[None]))
    assert np.abs(expected - got).max() <= 2.5 / 255


def test_without_dodging_the_network_does_not_run_again() -> None:
    nothing, canvas = cast(Any, None), ArrayCanvas(np.zeros((3, 5, 3), np.uint8))
    local = spread_stops(nothing, np.array([0.4, 0.0]), 1.0, nothing, nothing)
    assert np.allclose(stops_in(local, (0, 0, 5, 3), canvas), np.broadcast_to([0, 0.4], (3, 5, 2)))


def test_off_computes_nothing() -> None:
    nothing = cast(Any, None)
    assert find_stops(nothing, "off", nothing, nothing).tolist() == [0, 0]
