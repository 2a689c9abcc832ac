"""Exported files for tests: what they are called, and what is in them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import onnx
import openvino
import pytest
import torch
from safetensors.numpy import save_file

import zero_dce.export.__main__
from tests.helpers.networks import make_weights
from zero_dce.export.ncnn import read_ncnn_metadata

FILES = {
    "onnx": "a.onnx",
    "openvino": "a.xml",
    "torch": "a.pt2",
    "ncnn": "a.param",
    "darktable": "denoise-a.dtmodel",
}
# What each file says about itself.
ALWAYS = ("network", "weights_sha256", "zero_dce_version", "exposure", "stops", "denoise")
# Without a licence there is no package for darktable.
OPTIONS: dict[str, dict[str, str]] = {"darktable": {"license": "CC0-1.0"}}
NEEDS_NCNN = pytest.mark.skipif(find_spec("ncnn") is None, reason="needs ncnn")
FORMATS = [pytest.param(name, marks=NEEDS_NCNN if name == "ncnn" else ()) for name in FILES]


def make_file(folder: Path, network: str = "zero_dce") -> Path:
    file = folder / "weights.safetensors"
    save_file(make_weights(network).state, file)
    return file


def run_alone(code: str, folder: Path, *arguments: Path) -> None:
    """Run code in isolated mode: neither the current folder nor PYTHONPATH are looked in."""
    command = [sys.executable, "-I", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def read_metadata(name: str, file: Path) -> dict[str, str]:
    if name == "onnx":
        return read_model_metadata(file.read_bytes())
    if name == "openvino":
        model = openvino.Core().read_model(file)
        return {key: model.get_rt_info(["zero_dce", key]).astype(str) for key in ALWAYS}
    if name == "ncnn":
        return read_ncnn_metadata(file)
    if name == "darktable":
        return read_model_metadata(zipfile.ZipFile(file).read(f"{file.stem}/model.onnx"))
    extra = {"metadata.json": ""}
    torch.export.load(file, extra_files=extra)
    content: dict[str, str] = json.loads(extra["metadata.json"])
    return content


def read_model_metadata(content: bytes) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}


def command(weights: Path, name: str, output: Path, *options: str) -> None:
    given = [text for key, value in OPTIONS.get(name, {}).items() for text in (f"--{key}", value)]
    arguments = ["--weights", str(weights), "--format", name, "--output", str(output), *given, *options]
    zero_dce.export.__main__.main(arguments)
