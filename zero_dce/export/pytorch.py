"""PyTorch's format for programs without their source: torch.export."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch.export import Dim

from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.formats import Run
from zero_dce.networks import make_network
from zero_dce.weights import Weights

# In the file, beside the program: torch.export.load(file, extra_files={METADATA: ""}) reads it.
METADATA = "metadata.json"


def write(weights: Weights, file: Path, metadata: dict[str, str]) -> None:
    """Write one file; see :class:`zero_dce.export.formats.Library`."""
    network = make_network(weights).requires_grad_(False)
    # From one pixel; Dim.DYNAMIC would declare at least 2.
    sizes = {0: Dim("batch", min=1), 2: Dim("height", min=1), 3: Dim("width", min=1)}
    program = torch.export.export(network, (torch.zeros(2, 3, 5, 7),), dynamic_shapes={"image": sizes})
    for node in program.graph.nodes:
        # The paths of this machine.
        node.meta.pop("stack_trace", None)
    torch.export.save(program, file, extra_files={METADATA: json.dumps(metadata)})


def load(file: Path) -> Run:
    """Load a file into PyTorch."""
    module = torch.export.load(file).module()

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        enhanced, curve_maps = module(torch.from_numpy(image))
        return enhanced.numpy(), curve_maps.numpy()

    return run


def describe() -> str:
    """Return the name and version of the library."""
    return f"torch.export.load of PyTorch {torch.__version__}"
