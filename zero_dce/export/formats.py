"""The formats that a network is exported to: how each is written, and run by the library that it is meant for.

Libraries are imported where they are used: who writes one format needs none of the others.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.contents import Contents, ExportedNetwork
from zero_dce.export.darktable import check_darktable, load_darktable, write_darktable
from zero_dce.export.ncnn import load_ncnn, write_ncnn
from zero_dce.files import write_file

if TYPE_CHECKING:
    import onnx

# In a .pt2, beside the program: torch.export.load(file, extra_files={PT2_METADATA: ""}) reads it.
PT2_METADATA = "metadata.json"


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        suffixes: of its files. The first is the one that a program opens.
        needs: the packages that it is written and run with.
        extra: the extra that brings them.
        write: writes a network and the eight curve iterations, for any batch, height and width, to a file.
        load: loads such a file, to compute on the CPU in float32. The file is not held open.
        runtime: the package that runs it, and its name.
        finishes: which parts of a :class:`~zero_dce.export.finish.Finish` it can hold.
        why: what keeps it from the others.
        tolerated: by how much it may differ from PyTorch.
        check: raises ValueError if a file of that name cannot be written with these contents; ``None`` needs no check.
    """

    suffixes: tuple[str, ...]
    needs: tuple[str, ...]
    extra: str
    write: Callable[[Contents, Path], None]
    load: Callable[[Path], ExportedNetwork]
    runtime: tuple[str, str]
    finishes: tuple[str, ...] = ("exposure", "stops", "denoise")
    why: str = ""
    tolerated: float = 1e-5
    check: Callable[[Path, Contents], None] | None = None


def _write_onnx(contents: Contents, file: Path) -> None:
    from zero_dce.export.graphs import network_model

    write_model(network_model(contents.weights, contents.finish), contents.metadata(), file)


def write_model(model: onnx.ModelProto, metadata: dict[str, str], file: Path) -> None:
    """Write an ONNX model with what it says about itself."""
    import onnx

    onnx.helper.set_model_props(model, metadata)
    write_file(file, model.SerializeToString())


def load_onnx(file: Path) -> ExportedNetwork:
    """Load an .onnx in ONNX Runtime, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        enhanced, curve_maps = session.run(["enhanced", "curve_maps"], {"image": image})
        return enhanced, curve_maps

    return run


def _write_openvino(contents: Contents, file: Path) -> None:
    """Write the graph to an .xml and its weights, in float32, to a .bin beside it."""
    # First, as it keeps OpenVINO from reporting its import.
    from zero_dce.enhance.graph.openvino import CORE

    # isort: split
    import openvino
    from openvino.passes import ConstantFolding, Manager

    from zero_dce.export.graphs import network_model

    model = CORE.read_model(network_model(contents.weights, contents.finish).SerializeToString())
    model.set_friendly_name("zero_dce")
    # What computes the shapes of biases and kernels, half of the graph as it was read, becomes constants.
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(model)
    for key, value in contents.metadata().items():
        model.set_rt_info(value, ["zero_dce", key])
    # It writes to files only, and does not say what the system said where it cannot.
    with TemporaryDirectory() as folder:
        made = Path(folder) / file.name
        try:
            openvino.save_model(model, made, compress_to_fp16=False)
        except RuntimeError as error:
            raise OSError(f"OpenVINO cannot write to {folder}, perhaps because the disk is full: {error}") from error
        for suffix in (".bin", ".xml"):
            write_file(file.with_suffix(suffix), made.with_suffix(suffix).read_bytes())


def _load_openvino(file: Path) -> ExportedNetwork:
    from zero_dce.enhance.graph.openvino import CORE

    # A mapped file could not be moved on Windows.
    model = CORE.compile_model(file, "CPU", {"ENABLE_MMAP": False, "INFERENCE_PRECISION_HINT": "f32"})

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        results = model({"image": image})
        return results["enhanced"], results["curve_maps"]

    return run


def _write_torch(contents: Contents, file: Path) -> None:
    import torch
    from torch.export import Dim

    from zero_dce.export.module import FinishedNetwork

    network = FinishedNetwork(contents.weights, contents.finish)
    # Sizes begin at one pixel; Dim.DYNAMIC would declare at least 2.
    sizes = {0: Dim("batch", min=1), 2: Dim("height", min=1), 3: Dim("width", min=1)}
    program = torch.export.export(network, (torch.zeros(2, 3, 5, 7),), dynamic_shapes={"image": sizes})
    for node in program.graph.nodes:
        # It names this machine's folders.
        node.meta.pop("stack_trace", None)
    stream = io.BytesIO()
    torch.export.save(program, stream, extra_files={PT2_METADATA: json.dumps(contents.metadata())})
    write_file(file, stream.getbuffer())


def _load_torch(file: Path) -> ExportedNetwork:
    import torch

    module = torch.export.load(file).module()

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        enhanced, curve_maps = module(torch.from_numpy(image))
        return enhanced.numpy(), curve_maps.numpy()

    return run


LOCAL = ("stops", "denoise")
FORMATS = {
    "onnx": Format(
        (".onnx",), ("onnxruntime", "onnx"), "onnxruntime", _write_onnx, load_onnx, ("onnxruntime", "ONNX Runtime")
    ),
    "openvino": Format(
        (".xml", ".bin"), ("openvino", "onnx"), "openvino", _write_openvino, _load_openvino, ("openvino", "OpenVINO")
    ),
    "torch": Format(
        (".pt2",),
        ("torch",),
        "torch",
        _write_torch,
        _load_torch,
        ("torch", "torch.export.load of PyTorch"),
        LOCAL,
        "its graph cannot look for an exposure in a picture of any size. Give --stops, or call zero_dce.enhance",
    ),
    "ncnn": Format(
        (".param", ".bin"),
        ("ncnn",),
        "ncnn",
        write_ncnn,
        load_ncnn,
        ("ncnn", "ncnn"),
        ("stops",),
        "it has no layers for that. Give --stops",
        1e-4,
    ),
    "darktable": Format(
        (".dtmodel",),
        ("onnxruntime", "onnx"),
        "onnxruntime",
        write_darktable,
        load_darktable,
        ("onnxruntime", "ONNX Runtime"),
        LOCAL,
        "darktable computes photographs in tiles, of which none shows how bright the whole one is. Give --stops",
        check=check_darktable,
    ),
}
