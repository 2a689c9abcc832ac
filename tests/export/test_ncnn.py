"""ncnn's text of a graph; tests/export/test_formats.py runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.exports import NEEDS_NCNN, make_file
from tests.helpers.networks import make_weights
from zero_dce.enhance.graph.values import GraphValue
from zero_dce.export.finish import Finish
from zero_dce.export.ncnn import NcnnGraph, load_ncnn, read_ncnn_metadata
from zero_dce.export.write import export
from zero_dce.exposure.response import expose
from zero_dce.networks import load_weights


def test_layers_are_lines_and_each_value_has_one_use() -> None:
    graph = NcnnGraph(make_weights())
    image = GraphValue(graph, "image")
    square = image * image
    text = graph.text({"first": square, "second": 2.0 - square.sqrt()}, "note=1")
    assert text.splitlines() == [
        "7767517",
        "6 8",
        "Input note=1 0 1 image",
        "Split split_image 1 2 image image_use_0 image_use_1",
        "BinaryOp binaryop_0_0 2 1 image_use_0 image_use_1 binaryop_0_0 0=2",
        "Split split_binaryop_0_0 1 2 binaryop_0_0 binaryop_0_0_use_0 first",
        "UnaryOp unaryop_1_0 1 1 binaryop_0_0_use_0 unaryop_1_0 0=5",
        "BinaryOp binaryop_2_0 1 1 unaryop_1_0 second 0=7 1=1 2=2.000000000e+00",
    ]


def test_weights_follow_each_other_in_float32() -> None:
    weights = make_weights("zero_dce_pp")
    graph = NcnnGraph(weights)
    image = GraphValue(graph, "image")
    result = graph.convolve(graph.convolve(image, "e_conv1.depth_conv"), "e_conv1.point_conv", relu=True)
    state = weights.state
    expected = b"".join(
        bytes(4) + state[f"e_conv1.{part}.weight"].tobytes() + state[f"e_conv1.{part}.bias"].tobytes()
        for part in ("depth_conv", "point_conv")
    )
    assert bytes(graph.binary) == expected
    depth, point = graph.text({"enhanced": result}, "note").splitlines()[3:]
    assert depth.startswith("ConvolutionDepthWise ")
    assert depth.endswith("0=3 1=3 4=1 5=1 6=27 7=3 9=0")
    assert point.startswith("Convolution ")
    assert point.endswith("0=32 1=1 4=0 5=1 6=96 9=1")


@NEEDS_NCNN
@pytest.mark.slow
@pytest.mark.parametrize("stops", [2.0, 1.3, -1.0])
def test_an_exposure_is_inside(stops: float, tmp_path: Path) -> None:
    weights, file = make_file(tmp_path), tmp_path / "a.param"
    export(weights, "ncnn", file, finish=Finish("off", stops))
    image = np.random.default_rng(0).random((2, 3, 20, 31), np.float32)
    with torch.no_grad():
        expected = expose(load_weights(weights)(torch.from_numpy(image))[0], stops).numpy()
    assert np.abs(load_ncnn(file)(image)[0] - expected).max() <= 1e-4
    assert read_ncnn_metadata(file)["stops"] == f"{stops:g}"


@NEEDS_NCNN
@pytest.mark.slow
def test_it_says_what_its_weights_are(tmp_path: Path) -> None:
    weights, file = make_file(tmp_path), tmp_path / "a.param"
    export(weights, "ncnn", file, license="CC0-1.0", training_data="my nights")
    said = read_ncnn_metadata(file)
    assert (said["license"], said["training_data"]) == ("CC0-1.0", "my nights")
    with pytest.raises(ValueError, match=r"ncnn has 255: shorten --license or --training-data"):
        export(weights, "ncnn", file, overwrite=True, training_data="nights " * 40)


@NEEDS_NCNN
def test_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "a.param").write_text("7767517\n0 0\nnothing\n")
    with pytest.raises(ValueError, match=r"ncnn cannot read a\.param and its \.bin"):
        load_ncnn(tmp_path / "a.param")
