"""The exported graph, and what ONNX Runtime and OpenVINO compute of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import torch

import zero_dce
from tests.helpers.networks import make_weights
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.trained import TRAINED
from zero_dce.export.finish import Finish
from zero_dce.export.graphs import network_model
from zero_dce.exposure.response import expose
from zero_dce.images.decode import decode_within
from zero_dce.images.denoise import denoise_whole
from zero_dce.networks import make_network
from zero_dce.weights import read_weights

Run = Callable[[FloatArray], FloatArray]


def declared(values: list[onnx.ValueInfoProto]) -> dict[str, tuple[int, list[int | str]]]:
    """Types and shapes by name; a free size is its name."""
    found = {}
    for value in values:
        tensor = value.type.tensor_type
        found[value.name] = (tensor.elem_type, [size.dim_param or size.dim_value for size in tensor.shape.dim])
    return found


def in_onnxruntime(model: onnx.ModelProto) -> Run:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda image: np.asarray(session.run(["enhanced"], {"image": image})[0])


def in_openvino(model: onnx.ModelProto) -> Run:
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", settings)
    return lambda image: np.asarray(compiled({"image": image})["enhanced"])


def enhanced_by_package(image: FloatArray, exposure: str | float, denoise: float | None = None) -> FloatArray:
    pictures = [np.ascontiguousarray(np.moveaxis(picture, 0, 2)) for picture in image]
    options = {"exposure": exposure, "denoise": denoise, "precision": "float32", "backend": "torch"}
    return np.stack([np.moveaxis(zero_dce.enhance(picture, **options), 2, 0) for picture in pictures])  # type: ignore[arg-type]


def dark_and_bright(number: int, height: int, width: int, seed: int = 0) -> FloatArray:
    """A dark room with a bright window: it is exposed, and dodged too."""
    image = np.random.default_rng(seed).random((number, 3, height, width), np.float32) * np.float32(0.1)
    image[..., : -(-height // 3), : -(-width // 3)] = 0.97
    return image


@pytest.mark.parametrize(("network", "maps"), [("zero_dce", 24), ("zero_dce_pp", 3)])
def test_a_network_has_named_ends_of_free_sizes(network: str, maps: int) -> None:
    graph = network_model(make_weights(network)).graph
    sizes = ["height", "width"]
    assert declared(graph.input) == {"image": (1, ["batch", 3, *sizes])}
    assert declared(graph.output) == {"enhanced": (1, ["batch", 3, *sizes]), "curve_maps": (1, ["batch", maps, *sizes])}
    assert sum(node.op_type == "Conv" for node in graph.node) == (7 if network == "zero_dce" else 14)
    assert "Identity" not in {node.op_type for node in graph.node}, "OpenVINO has it only since 2025"
    assert declared(network_model(make_weights(network), maps=False).graph.output).keys() == {"enhanced"}


@pytest.mark.slow
@pytest.mark.parametrize("runtime", [in_onnxruntime, in_openvino])
@pytest.mark.parametrize("exposure", ["auto", 0.4])
def test_a_whole_picture_comes_out_as_of_enhance(runtime: Callable[..., Run], exposure: str | float) -> None:
    run = runtime(network_model(read_weights(TRAINED), Finish(exposure, 0, 1)))
    for shape in ((1, 1, 1), (1, 1, 70), (1, 5, 7), (2, 65, 64), (1, 129, 200), (1, 260, 515)):
        image = dark_and_bright(*shape)
        assert np.abs(run(image) - enhanced_by_package(image, exposure)).max() <= 1e-3, shape


@pytest.mark.slow
@pytest.mark.shared
def test_real_photographs_come_out_as_of_enhance(shared: Path) -> None:
    run = in_onnxruntime(network_model(read_weights(TRAINED), Finish("auto", 0, 1)))
    for name in ("DICM/01.jpg", "DICM/07.jpg", "LIME/4.bmp"):
        pixels = decode_within(shared / "data" / "lowlight" / name, 640)
        image = np.ascontiguousarray(np.moveaxis(pixels, 2, 0)[None].astype(np.float32) / np.float32(255))
        expected = enhanced_by_package(image, "auto")
        assert np.abs(run(image) - expected).max() <= 1e-3
        assert np.abs(expected - image).max() > 0.05, "something was done"


@pytest.mark.slow
def test_stops_and_smoothing_are_the_same_in_tiles() -> None:
    weights = make_weights()
    run = in_onnxruntime(network_model(weights, Finish("off", 2, 3)))
    image = dark_and_bright(1, 70, 90)
    with torch.no_grad():
        pixels = torch.from_numpy(image)
        expected = denoise_whole(pixels, expose(make_network(weights)(pixels)[0], 2.0), 3).numpy()
    assert np.abs(run(image) - expected).max() <= 1e-4
    # The network sees 7 pixels, and smoothing 6 more.
    tile = run(np.ascontiguousarray(image[..., 10:60, 20:80]))
    np.testing.assert_allclose(tile[..., 13:-13, 13:-13], run(image)[..., 23:47, 33:67], atol=1e-5)
