"""Exported files for tests: what they are called, and what is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import onnx
import openvino
import torch
from safetensors.numpy import save_file

import zero_dce.export.__main__
from tests.helpers.networks import make_weights

FILES = {"onnx": "a.onnx", "openvino": "a.xml", "torch": "a.pt2"}


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
        return {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    if name == "openvino":
        model = openvino.Core().read_model(file)
        keys = ("network", "weights_sha256", "zero_dce_version")
        return {key: model.get_rt_info(["zero_dce", key]).astype(str) for key in keys}
    extra = {"metadata.json": ""}
    torch.export.load(file, extra_files=extra)
    content: dict[str, str] = json.loads(extra["metadata.json"])
    return content


def command(weights: Path, name: str, output: Path, *options: str) -> None:
    zero_dce.export.__main__.main(["--weights", str(weights), "--format", name, "--output", str(output), *options])
