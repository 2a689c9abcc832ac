"""Convolutions in int8, and what that loses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from PIL import Image

from tests.helpers.exports import command, make_file, read_metadata
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.trained import TRAINED
from zero_dce.export.check import reference_for
from zero_dce.export.contents import Contents
from zero_dce.export.finish import Finish
from zero_dce.export.int8 import calibration_pictures, least_psnr
from zero_dce.export.provenance import Provenance
from zero_dce.export.write import export
from zero_dce.weights import read_weights

pytestmark = pytest.mark.slow


def make_pictures(folder: Path, number: int) -> Path:
    folder.mkdir()
    generator = np.random.default_rng(0)
    for index in range(number):
        small = Image.fromarray(generator.integers(0, 160, (6, 8, 3), np.uint8))
        small.resize((400, 300), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder


def test_it_says_what_it_loses_and_openvino_reads_it_too(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", 8)
    file = tmp_path / "a.onnx"
    said = export(TRAINED, "onnx", file, precision="int8", calibrate=pictures)
    metadata = read_metadata("onnx", file)
    assert metadata["precision"] == "int8"
    assert f"int8: PSNR to float32 is {metadata['psnr_to_float32']} dB, the lowest of 2 pictures" in said
    _, held_out = calibration_pictures(pictures)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(file, "CPU", settings)

    def in_openvino(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        results = compiled({"image": image})
        return results["enhanced"], results["curve_maps"]

    reference = reference_for(Contents(Provenance(read_weights(TRAINED), "0"), Finish()))
    assert least_psnr(in_openvino, reference, held_out) > 50


def test_the_ends_and_the_curves_stay_in_float(tmp_path: Path) -> None:
    export(TRAINED, "onnx", tmp_path / "a.onnx", precision="int8")
    graph = onnx.load(tmp_path / "a.onnx").graph
    stored = {constant.name: constant.data_type for constant in graph.initializer}
    made = {output: node for node in graph.node for output in node.output}
    kinds = []
    for node in graph.node:
        if node.op_type == "Conv":
            weight = node.input[1]
            kinds.append(stored[made[weight].input[0]] if weight in made else stored[weight])
    assert kinds == [onnx.TensorProto.FLOAT, *[onnx.TensorProto.INT8] * 5, onnx.TensorProto.FLOAT]
    assert sum(node.op_type == "QuantizeLinear" for node in graph.node) <= 10


def test_what_is_worse_than_40_db_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.export.write.least_psnr", lambda *_: 39.96)
    with pytest.raises(SystemExit, match=r"^its PSNR to float32 is 40\.0 dB, .* at least 40.* was not written"):
        command(TRAINED, "onnx", tmp_path / "a.onnx", "--precision", "int8")
    assert not list(tmp_path.iterdir())


def test_pictures_for_the_measure_are_no_others(tmp_path: Path) -> None:
    calibration, held_out = calibration_pictures(make_pictures(tmp_path / "pictures", 9))
    assert (len(calibration), len(held_out)) == (7, 2)
    assert all(picture.shape == (1, 3, 192, 256) and picture.dtype == np.float32 for picture in calibration)
    assert not any(np.array_equal(one, other) for one in calibration for other in held_out)


def test_the_lowest_psnr() -> None:
    pictures = [np.full((1, 3, 2, 2), value, np.float32) for value in (0.1, 0.5)]
    # Off by a tenth of each: -20 log10 of 0.01 and of 0.05.
    found = least_psnr(lambda image: (image * np.float32(1.1), image), lambda image: (image, image), pictures)
    assert found == pytest.approx(26.02, abs=0.01)


@pytest.mark.parametrize("values", [(np.nan, 0.5), (0.5, np.nan)])
def test_what_is_no_number_is_not_passed_over(values: tuple[float, float]) -> None:
    pictures = [np.full((1, 3, 2, 2), value, np.float32) for value in values]
    assert np.isnan(least_psnr(lambda image: (image, image), lambda image: (image * 0.99, image), pictures))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--precision", "int4"), "--precision is 'int4'; expected one of float32, int8"),
        (("--calibrate", "."), "--calibrate is for --precision int8"),
        (("--precision", "int8", "--calibrate", "{few}"), "holds 3 pictures; expected at least 4"),
        (("--precision", "int8", "--calibrate", "nowhere"), "--calibrate is nowhere, which is no folder"),
    ],
)
def test_wrong_options(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    few = make_pictures(tmp_path / "few", 3)
    with pytest.raises(SystemExit, match=message):
        command(make_file(tmp_path), "onnx", tmp_path / "a.onnx", *(option.format(few=few) for option in options))


def test_only_onnx(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--precision int8 is written as --format onnx, which OpenVINO reads too"):
        command(make_file(tmp_path), "openvino", tmp_path / "a.xml", "--precision", "int8")
