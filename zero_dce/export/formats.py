"""The formats that a network is exported to: how each is written, and run by the library that it is meant for.

Libraries are imported where they are used: who writes one format needs none of the others.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zero_dce.enhance.pixels import FloatArray
from zero_dce.files import write_file
from zero_dce.weights import Weights

# Computes enhanced pictures and curve maps of pictures, as the network in PyTorch does.
ExportedNetwork = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
# In a .pt2, beside the program: torch.export.load(file, extra_files={PT2_METADATA: ""}) reads it.
PT2_METADATA = "metadata.json"


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        suffixes: of its files. The first is the one that a program opens.
        backend: whose packages it needs, and the name of the extra that brings them.
        write: writes the weights of either network and the eight curve iterations, for any batch, height and width,
            with metadata, to a file.
        load: loads such a file, to compute on the CPU in float32. The file is not held open.
        runtime: gives the name and the version of the library that runs it.
    """

    suffixes: tuple[str, ...]
    backend: str
    write: Callable[[Weights, Path, dict[str, str]], None]
    load: Callable[[Path], ExportedNetwork]
    runtime: Callable[[], str]


def _write_onnx(weights: Weights, file: Path, metadata: dict[str, str]) -> None:
    import onnx

    from zero_dce.enhance.graph.onnx import network_model

    model = network_model(weights)
    onnx.helper.set_model_props(model, metadata)
    write_file(file, model.SerializeToString())


def _load_onnx(file: Path) -> ExportedNetwork:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        enhanced, curve_maps = session.run(["enhanced", "curve_maps"], {"image": image})
        return enhanced, curve_maps

    return run


def _onnx_runtime() -> str:
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__}"


def _write_openvino(weights: Weights, file: Path, metadata: dict[str, str]) -> None:
    """Write the graph to an .xml and its weights, in float32, to a .bin beside it."""
    import openvino
    from openvino.passes import ConstantFolding, Manager

    from zero_dce.enhance.graph.onnx import network_model

    model = openvino.Core().read_model(network_model(weights).SerializeToString())
    model.set_friendly_name("zero_dce")
    # What computes the shapes of biases and kernels, half of the graph as it was read, becomes constants.
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(model)
    for key, value in metadata.items():
        model.set_rt_info(value, ["zero_dce", key])
    try:
        openvino.save_model(model, file, compress_to_fp16=False)
    except RuntimeError as error:
        # It writes to files only, and says neither which one it was nor what the system said.
        raise OSError(
            f"OpenVINO cannot write {file.name} or its .bin, perhaps because the disk is full: {error}"
        ) from error


def _load_openvino(file: Path) -> ExportedNetwork:
    import openvino

    core = openvino.Core()
    # A mapped file could not be moved on Windows.
    core.set_property({"ENABLE_MMAP": False})
    model = core.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        results = model({"image": image})
        return results["enhanced"], results["curve_maps"]

    return run


def _openvino_runtime() -> str:
    import openvino

    return f"OpenVINO {openvino.__version__.partition('-')[0]}"


def _write_torch(weights: Weights, file: Path, metadata: dict[str, str]) -> None:
    import torch
    from torch.export import Dim

    from zero_dce.networks import make_network

    network = make_network(weights).requires_grad_(False)
    # Sizes begin at one pixel; Dim.DYNAMIC would declare at least 2.
    sizes = {0: Dim("batch", min=1), 2: Dim("height", min=1), 3: Dim("width", min=1)}
    program = torch.export.export(network, (torch.zeros(2, 3, 5, 7),), dynamic_shapes={"image": sizes})
    for node in program.graph.nodes:
        # It names this machine's folders.
        node.meta.pop("stack_trace", None)
    stream = io.BytesIO()
    torch.export.save(program, stream, extra_files={PT2_METADATA: json.dumps(metadata)})
    write_file(file, stream.getbuffer())


def _load_torch(file: Path) -> ExportedNetwork:
    import torch

    module = torch.export.load(file).module()

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        enhanced, curve_maps = module(torch.from_numpy(image))
        return enhanced.numpy(), curve_maps.numpy()

    return run


def _torch_runtime() -> str:
    import torch

    return f"torch.export.load of PyTorch {torch.__version__}"


FORMATS = {
    "onnx": Format((".onnx",), "onnxruntime", _write_onnx, _load_onnx, _onnx_runtime),
    "openvino": Format((".xml", ".bin"), "openvino", _write_openvino, _load_openvino, _openvino_runtime),
    "torch": Format((".pt2",), "torch", _write_torch, _load_torch, _torch_runtime),
}
