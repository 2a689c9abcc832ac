from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.networks import make_weights
from zero_dce.curves import apply_curves
from zero_dce.enhance.engine import Enhancer
from zero_dce.enhance.graph import BACKENDS, choose_backend
from zero_dce.exposure.setting import develop, stops_for
from zero_dce.images.canvas import ArrayCanvas
from zero_dce.images.denoise import denoise_whole
from zero_dce.images.formats import read_photograph
from zero_dce.networks import make_network
from zero_dce.weights import Weights, read_weights

NETWORKS = {name: make_weights(name) for name in ("zero_dce", "zero_dce_pp")}
# Prepared once: the graphs of a shape are kept.
ENHANCERS: dict[tuple[str, str, int], Enhancer] = {}


def random_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def whole(
    weights: Weights, image: np.ndarray, strength: float = 1.0, exposure: str | float = "off"
) -> tuple[np.ndarray, np.ndarray]:
    """The enhanced image and the mean map, by the module that is trained, on the whole picture in float32."""
    with torch.no_grad():
        inputs = torch.from_numpy(image).permute(2, 0, 1)[None]
        maps = make_network(weights).estimate_curves(inputs)
        stops = stops_for(exposure, inputs, apply_curves(inputs, maps))
        maps = maps * strength
        enhanced = apply_curves(inputs, maps)
        if exposure != "off":
            enhanced = denoise_whole(inputs, develop(enhanced, strength * stops))
        mean = maps.reshape(1, -1, 3, *maps.shape[2:]).mean(1)
    return enhanced[0].permute(1, 2, 0).numpy(), mean[0].permute(1, 2, 0).numpy()


def enhancer(network: str, backend: str, tile: int) -> Enhancer:
    key = (network, backend, tile)
    if key not in ENHANCERS:
        ENHANCERS[key] = Enhancer(NETWORKS[network], backend=backend, precision="float32", tile=tile)
    return ENHANCERS[key]


@pytest.mark.parametrize("network", NETWORKS)
@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_any_tile_gives_the_whole_picture(network: str, height: int, width: int, tile: int) -> None:
    image = random_image(height, width)
    output = enhancer(network, "torch", max(tile, max(height, width) // 6)).enhance(ArrayCanvas(image))
    assert np.abs(output.pixels - whole(NETWORKS[network], image)[0]).max() <= 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [(1, 1), (1, 90), (70, 3), (45, 61)])
def test_every_backend_gives_the_whole_picture(backend: str, network: str, size: tuple[int, int]) -> None:
    image = random_image(*size)
    output = enhancer(network, backend, 20).enhance(ArrayCanvas(image))
    assert np.abs(output.pixels - whole(NETWORKS[network], image)[0]).max() <= 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_stored_pixels_are_rounded_once(backend: str, dtype: type[np.unsignedinteger]) -> None:
    levels = np.iinfo(dtype).max
    stored = (random_image(40, 50) * levels).round().astype(dtype)
    output = enhancer("zero_dce", backend, 20).enhance(ArrayCanvas(stored))
    expected = whole(NETWORKS["zero_dce"], stored.astype(np.float32) / levels)[0] * levels
    assert output.pixels.dtype == dtype
    assert np.abs(output.pixels - expected).max() <= 0.5 + 1e-6 * levels


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_quickest_precision_is_within_one_step_of_8_bits(backend: str) -> None:
    """With weights that curve far less wildly than random ones: a quarter of their maps."""
    stored = (random_image(64, 64) * 255).round().astype(np.uint8)
    tool = Enhancer(NETWORKS["zero_dce"], backend=backend, strength=0.25)
    expected = whole(NETWORKS["zero_dce"], stored.astype(np.float32) / 255, 0.25)[0] * 255
    assert np.abs(tool.enhance(ArrayCanvas(stored)).pixels - expected).max() <= 1.5


@pytest.mark.parametrize("network", NETWORKS)
def test_the_map_is_the_mean_over_iterations(network: str) -> None:
    image = random_image(30, 40)
    maps = ArrayCanvas(np.zeros((30, 40, 3), np.uint8))
    enhancer(network, "torch", 16).enhance(ArrayCanvas(image), maps)
    expected = (1 - whole(NETWORKS[network], image)[1]) * 127.5
    assert np.abs(maps.pixels - expected).max() <= 0.51


@pytest.mark.parametrize("backend", BACKENDS)
def test_strength_scales_the_curves(backend: str) -> None:
    image = random_image(20, 30)
    for strength in (0, 0.5):
        tool = Enhancer(NETWORKS["zero_dce"], backend=backend, precision="float32", strength=strength)
        output = tool.enhance(ArrayCanvas(image)).pixels
        assert np.abs(output - whole(NETWORKS["zero_dce"], image, strength)[0]).max() <= 1e-6
    assert np.array_equal(Enhancer(NETWORKS["zero_dce"], strength=0).enhance(ArrayCanvas(image)).pixels, image)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("exposure", ["auto", 0.3])
def test_one_exposure_for_all_tiles(backend: str, network: str, exposure: str | float) -> None:
    """That of the whole picture; the strength scales it as it scales the curves."""
    image = random_image(64, 48) / 4
    options = {"backend": backend, "precision": "float32", "tile": 20, "exposure": exposure}
    for strength in (1.0, 0.5):
        output = Enhancer(NETWORKS[network], strength=strength, **options).enhance(ArrayCanvas(image)).pixels
        assert np.abs(output - whole(NETWORKS[network], image, strength, exposure)[0]).max() <= 1e-5
    nothing = Enhancer(NETWORKS[network], strength=0, **options).enhance(ArrayCanvas(image)).pixels
    assert np.abs(nothing - image).max() <= 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backlit_picture_is_dodged_alike_in_all_tiles(backend: str) -> None:
    image = random_image(90, 120) * np.where(np.arange(90) < 50, 0.9, 0.02)[:, None, None].astype(np.float32)
    for strength in (1.0, 0.5):
        tool = Enhancer(
            NETWORKS["zero_dce"], backend=backend, precision="float32", tile=20, exposure="auto", strength=strength
        )
        assert tool.stops_of(ArrayCanvas(image))[1] > 0.3 * strength
        output = tool.enhance(ArrayCanvas(image)).pixels
        assert np.abs(output - whole(NETWORKS["zero_dce"], image, strength, "auto")[0]).max() <= 2e-5


def test_more_than_8_bits_are_computed_in_float32() -> None:
    tool = Enhancer(NETWORKS["zero_dce"])
    assert tool.backend_for(16).precision == tool.backend_for(32).precision == "float32"
    chosen = choose_backend("auto", NETWORKS["zero_dce"], "auto")
    assert tool.backend_for(8).precision == chosen.precision


def test_progress_counts_every_pixel_once() -> None:
    done: list[int] = []
    enhancer("zero_dce", "torch", 16).enhance(ArrayCanvas(random_image(50, 70)), progress=done.append)
    assert sum(done) == 50 * 70
    assert len(done) > 4


def test_an_error_in_a_tile_ends_the_picture() -> None:
    class Broken(ArrayCanvas):
        def read(self, box: tuple[int, int, int, int]) -> np.ndarray:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        enhancer("zero_dce", "torch", 16).enhance(Broken(random_image(50, 70)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "quick"}, "--mode is 'quick'; expected one of exact, fast"),
        ({"mode": "fast", "factor": 0}, "--factor is 0"),
        ({"strength": 1.5}, "--strength is 1.5"),
        ({"strength": -0.1}, "--strength is -0.1"),
        ({"strength": float("nan")}, "--strength is nan"),
        ({"tile": 0}, "--tile is 0"),
        ({"exposure": "bright"}, "--exposure is 'bright'; expected auto, off or the mean to reach"),
        ({"exposure": 1.0}, "--exposure is 1.0"),
        ({"denoise": -1}, "--denoise is -1"),
        ({"denoise": 9}, "--denoise is 9"),
        ({"backend": "fast"}, "--backend is 'fast'; expected auto or one of openvino, onnxruntime, torch"),
        ({"precision": "int8"}, "--precision is 'int8'; .* has auto, "),
        ({"backend": "onnxruntime", "precision": "bfloat16"}, "onnxruntime on this machine has auto, float32"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Enhancer(NETWORKS["zero_dce"], **options)  # type: ignore[arg-type]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "before", "after", "stored"),
    [
        ("jpeg_xyb_profile.jpg", (127.2, 118.0, 108.7), (169.0, 164.0, 173.0), (169.0, 164.0, 173.0)),
        ("tiff_linear_profile_16bit.tif", (51.1, 36.1, 23.2), (135.3, 111.0, 82.6), (65.2, 43.6, 25.8)),
    ],
)
def test_profiles_and_the_released_weights(
    file: str, before: tuple[float, ...], after: tuple[float, ...], stored: tuple[float, ...], shared: Path
) -> None:
    """The means of sRGB in 255ths, as LittleCMS by Pillow and the network in PyTorch give them.

    What is stored differs where the result goes back to the file's own numbers, which are of linear light in the TIFF.
    """
    picture = read_photograph(shared / "cases" / file)
    view = picture.view()
    box = (0, 0, view.width, view.height)
    weights = read_weights(shared / "weights" / "zero_dce_official.pth")
    enhanced = Enhancer(weights, backend="torch", precision="float32").enhance(view)
    plain, _ = whole(weights, (widened(view.read(box)) / 65535).astype(np.float32))
    assert np.allclose(means(view.read(box)), before, atol=0.1)
    assert np.allclose(means(enhanced.read(box)), after, atol=0.1)
    assert np.allclose(plain.clip(0, 1).reshape(-1, 3).mean(0) * 255, after, atol=0.1)
    assert np.allclose(means(enhanced.stored.read(box)), stored, atol=0.1)


def widened(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint16) * 257 if pixels.dtype == np.uint8 else pixels


def means(pixels: np.ndarray) -> np.ndarray:
    return widened(pixels).reshape(-1, 3).mean(0) / 257


def test_adjusted_is_like_a_new_one_and_shares_the_network() -> None:
    picture = ArrayCanvas((random_image(60, 70) * 80).astype(np.uint8))
    settings = {"exposure": "auto", "denoise": 2.0, "strength": 0.6}
    first = Enhancer(NETWORKS["zero_dce"], backend="torch")
    before = first.enhance(picture).pixels
    adjusted = first.adjusted(**settings)
    expected = Enhancer(NETWORKS["zero_dce"], backend="torch", **settings).enhance(picture).pixels
    np.testing.assert_array_equal(adjusted.enhance(picture).pixels, expected)
    assert adjusted.backend_for(8) is first.backend_for(8)
    np.testing.assert_array_equal(first.enhance(picture).pixels, before)
    assert not np.array_equal(before, expected)


def test_adjusted_checks_its_settings() -> None:
    with pytest.raises(ValueError, match="--strength is 2"):
        Enhancer(NETWORKS["zero_dce"], backend="torch").adjusted(strength=2)
