"""Packages for darktable, by the rules of its source that zero_dce/export/darktable.py names."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.helpers.exports import command, make_file
from zero_dce.enhance.pixels import FloatArray
from zero_dce.enhance.trained import TRAINED
from zero_dce.export.finish import Finish
from zero_dce.export.write import export

pytestmark = pytest.mark.slow

OVERLAP = 64


def read_as_darktable(file: Path, root: Path) -> tuple[dict[str, object], onnxruntime.InferenceSession]:
    """Install a package and load its model for tiles of 256 pixels, as ai_models.c, backend_onnx.c and restore.c do."""
    with zipfile.ZipFile(file) as package:
        name = package.namelist()[0].partition("/")[0]
        assert all(entry.startswith(f"{name}/") and ".." not in entry for entry in package.namelist())
        package.extractall(root)
    config = json.loads((root / name / "config.json").read_text(encoding="utf-8"))
    assert config["id"] == name
    assert all(isinstance(config[key], str) for key in ("id", "name", "description", "task", "backend", "version"))
    assert (config["task"], config["backend"]) == ("denoise", "onnx")
    assert all(isinstance(text, str) for text in config["model_card"].values())
    options = onnxruntime.SessionOptions()
    for dimension, size in (("batch", 1), ("height", 256), ("width", 256)):
        options.add_free_dimension_override_by_name(dimension, size)
    model = root / name / "model.onnx"
    assert onnx.load(model).opset_import[0].version <= 20
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    assert [node.shape for node in (*session.get_inputs(), *session.get_outputs())] == [[1, 3, 256, 256]] * 2
    return config, session


def in_tiles(session: onnxruntime.InferenceSession, image: FloatArray) -> FloatArray:
    """As dt_restore_process_tiled does it: tiles that overlap, mirrored beyond the edges."""
    height, width = image.shape[2:]
    step, result = 256 - 2 * OVERLAP, np.empty_like(image)
    for top in range(0, height, step):
        for left in range(0, width, step):
            rows, columns = (mirrored(np.arange(start - OVERLAP, start - OVERLAP + 256), size) for start, size in
                             ((top, height), (left, width)))  # fmt: skip
            (tile,) = session.run(None, {"image": np.ascontiguousarray(image[:, :, rows][..., columns])})
            part = result[..., top : top + step, left : left + step]
            part[:] = tile[..., OVERLAP : OVERLAP + part.shape[2], OVERLAP : OVERLAP + part.shape[3]]
    return result


def mirrored(places: FloatArray, size: int) -> FloatArray:
    places = np.abs(places)
    return np.where(places >= size, 2 * size - 2 - places, places).clip(0, size - 1)


def test_tiles_make_the_whole_picture(tmp_path: Path) -> None:
    finish = Finish("off", 2, 1)
    file = tmp_path / "denoise-zero-dce.dtmodel"
    export(TRAINED, "darktable", file, finish=finish)
    export(TRAINED, "onnx", tmp_path / "a.onnx", finish=finish)
    config, session = read_as_darktable(file, tmp_path)
    image = np.random.default_rng(0).random((1, 3, 200, 330), np.float32) * np.float32(0.3)
    whole = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    (expected,) = whole.run(["enhanced"], {"image": image})
    found = in_tiles(session, image)
    # At the picture's own edges, darktable mirrors what the network takes for black.
    inner = (..., slice(13, -13), slice(13, -13))
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-5)
    assert "+2 EV" in str(config["description"])


def test_the_card_of_the_packages_own_weights_is_inside(tmp_path: Path) -> None:
    file = tmp_path / "denoise-zero-dce.dtmodel"
    export(TRAINED, "darktable", file)
    config, _ = read_as_darktable(file, tmp_path)
    card = config["model_card"]
    assert isinstance(card, dict)
    assert card["license"] == "MIT"
    assert "81 photographs" in card["training_data"]
    assert "b1732bb7c798d0b1" in card["notes"]
    read_me = (tmp_path / "denoise-zero-dce" / "README.md").read_text(encoding="utf-8")
    assert read_me == TRAINED.with_suffix(".md").read_text(encoding="utf-8")


def test_the_same_network_makes_the_same_file(tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        export(TRAINED, "darktable", tmp_path / "denoise-a.dtmodel", overwrite=True)
        contents.append((tmp_path / "denoise-a.dtmodel").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", ["a.dtmodel", "denoise-A.dtmodel", "denoise-.dtmodel", "denoise-a b.dtmodel"])
def test_wrong_ids(name: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"darktable's models are called by their task.*denoise-zero-dce\.dtmodel"):
        command(make_file(tmp_path), "darktable", tmp_path / name)


def test_unknown_weights_need_a_licence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--format darktable needs --license, as in --license MIT"):
        export(make_file(tmp_path), "darktable", tmp_path / "denoise-a.dtmodel")
    command(make_file(tmp_path), "darktable", tmp_path / "denoise-a.dtmodel", "--training-data", "my own photographs")
    config, _ = read_as_darktable(tmp_path / "denoise-a.dtmodel", tmp_path)
    card = config["model_card"]
    assert isinstance(card, dict)
    assert (card["license"], card["training_data"]) == ("CC0-1.0", "my own photographs")
    assert not (tmp_path / "denoise-a" / "README.md").exists()
