"""Exported files: what they compute in a process without this package, and what is in them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

import zero_dce
from tests.helpers.exports import FILES, FORMATS, OPTIONS, make_file, read_metadata, run_alone
from zero_dce import __version__
from zero_dce.export.write import export
from zero_dce.networks import load_weights, weights_hash

pytestmark = pytest.mark.slow

NETWORKS = ("zero_dce", "zero_dce_pp")
# From the array `image` to `enhanced` and `curve_maps`, as a program without this package does it.
RUN = {
    "onnx": """
import onnxruntime
session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
enhance = lambda image: session.run(["enhanced", "curve_maps"], {"image": image})
""",
    "openvino": """
import openvino
model = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
def enhance(image):
    results = model({"image": image})
    return results["enhanced"], results["curve_maps"]
""",
    "torch": """
import torch
module = torch.export.load(file).module()
enhance = lambda image: [output.numpy() for output in module(torch.from_numpy(image))]
""",
    "ncnn": """
import ncnn
net = ncnn.Net()
net.load_param(file)
net.load_model(file.replace(".param", ".bin"))
def enhance_one(picture):
    extractor = net.create_extractor()
    extractor.input("image", ncnn.Mat(picture).clone())
    return [np.array(extractor.extract(name)[1]) for name in ("enhanced", "curve_maps")]
enhance = lambda image: [np.stack(outputs) for outputs in zip(*map(enhance_one, image))]
""",
    "darktable": """
import io, onnxruntime, zipfile
content = zipfile.ZipFile(file).read("denoise-a/model.onnx")
session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
enhance = lambda image: [*session.run(None, {"image": image}), np.zeros((0,), np.float32)]
""",
}
# ncnn's own kernels round otherwise.
TOLERATED = {"ncnn": 1e-4}
SHAPES = [(1, 3, 1, 1), (3, 3, 7, 1), (2, 3, 33, 50), (1, 3, 128, 200)]
ALONE = """
import sys
import numpy as np
file, images, results = sys.argv[1:]
{run}
outputs = {{}}
for name, image in np.load(images).items():
    outputs[name + "_enhanced"], outputs[name + "_maps"] = enhance(image)
np.savez(results, **outputs)
assert "zero_dce" not in sys.modules
"""


@pytest.fixture(scope="module", params=NETWORKS)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_file(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module", params=FORMATS)
def exported(request: pytest.FixtureRequest, weights: Path) -> tuple[str, Path]:
    file = weights.with_name(FILES[request.param])
    said = export(weights, request.param, file, **OPTIONS.get(request.param, {}))  # type: ignore[arg-type]
    assert str(file) in said
    assert "largest difference from PyTorch" in said
    return request.param, file


def test_it_computes_the_same_without_this_package(exported: tuple[str, Path], weights: Path, tmp_path: Path) -> None:
    name, file = exported
    generator = np.random.default_rng(1)
    images = {f"image{index}": generator.random(shape, np.float32) for index, shape in enumerate(SHAPES)}
    np.savez(tmp_path / "images.npz", **images)
    code = ALONE.format(run=RUN[name])
    run_alone(code, tmp_path, file, tmp_path / "images.npz", tmp_path / "results.npz")
    network = load_weights(weights)
    with np.load(tmp_path / "results.npz") as results, torch.no_grad():
        for key, image in images.items():
            for output, expected in zip(("enhanced", "maps"), network(torch.from_numpy(image)), strict=True):
                found = results[f"{key}_{output}"]
                if name == "darktable" and output == "maps":
                    continue
                assert found.dtype == np.float32
                assert found.shape == expected.shape
                assert np.abs(found - expected.numpy()).max() <= TOLERATED.get(name, 1e-5)


def test_the_file_says_what_it_is(exported: tuple[str, Path], weights: Path) -> None:
    network = load_weights(weights)
    expected = {
        "network": network.NAME,
        "weights_sha256": weights_hash(network),
        "zero_dce_version": __version__,
        "exposure": "off",
        "stops": "0",
        "denoise": "0",
        **OPTIONS.get(exported[0], {}),
    }
    found = read_metadata(*exported)
    assert found == {key: expected[key] for key in found}
    assert len(found) >= 4


def test_only_the_files_are_left_and_name_no_folder(exported: tuple[str, Path]) -> None:
    _, file = exported
    assert not list(file.parent.glob("*unfinished*"))
    # No module's path of this machine, also not inside the archive.
    assert os.fsencode(Path(zero_dce.__file__).parent) not in file.read_bytes()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "name"),
    [("zero_dce_official", "openvino"), ("zero_dce_report_v10", "onnx"), ("zero_dce_pp_official", "torch")],
)
def test_published_weights(file: str, name: str, shared: Path, tmp_path: Path) -> None:
    assert "largest difference" in export(shared / "weights" / f"{file}.pth", name, tmp_path / FILES[name])
