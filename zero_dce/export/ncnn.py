"""A network as ncnn runs it on phones: the layers as text (.param) and their weights (.bin).

The format is ncnn's own, see "param and model file structure" in its documentation: a line for each layer, with its
kind, name, inputs and outputs and numbered parameters. Of each value there is one use; a Split layer makes more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from zero_dce.enhance.graph.programs import estimate_curves, groups_of, iterate_curve, separate_maps
from zero_dce.enhance.graph.values import GraphValue
from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.contents import Contents, ExportedNetwork
from zero_dce.exposure.response import expose
from zero_dce.files import write_file
from zero_dce.weights import Weights

MAGIC = "7767517"
BINARY = {"Add": 0, "Sub": 1, "Mul": 2, "Div": 3, "Max": 4, "Min": 5}
# With the number on the left.
REVERSED = {"Add": 0, "Sub": 7, "Mul": 2, "Div": 8}
UNARY = {"Sqrt": 5, "Exp": 7, "Log": 8}
# What a .param says about itself, in a name, for which ncnn has 255 characters.
NOTED = ("network", "weights_sha256", "zero_dce_version", "stops", "license", "training_data")
NOTE_CHARACTERS = 255
# Weights in float32 follow.
FLOAT32 = bytes(4)


class NcnnGraph:
    """Records a program as ncnn's layers, see :class:`zero_dce.enhance.graph.programs.Operations`."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.binary = bytearray()
        self._layers: list[tuple[str, list[str], list[str], str]] = []

    def add(self, kind: str, inputs: Sequence[GraphValue], outputs: int = 1, parameters: str = "") -> list[GraphValue]:
        """Add a layer and return its outputs."""
        names = [f"{kind.lower()}_{len(self._layers)}_{index}" for index in range(outputs)]
        self._layers.append((kind, [value.name for value in inputs], names, parameters))
        return [GraphValue(self, name) for name in names]

    def node(self, operation: str, *inputs: GraphValue | float | Sequence[int], **_attributes: Any) -> GraphValue:
        """Add a calculation, which is named as in ONNX."""
        values = [value for value in inputs if isinstance(value, GraphValue)]
        numbers = [value for value in inputs if isinstance(value, int | float)]
        if operation in UNARY:
            return self.add("UnaryOp", values, parameters=f"0={UNARY[operation]}")[0]
        if not numbers:
            return self.add("BinaryOp", values, parameters=f"0={BINARY[operation]}")[0]
        codes = BINARY if isinstance(inputs[0], GraphValue) else REVERSED
        return self.add("BinaryOp", values, parameters=f"0={codes[operation]} 1=1 2={numbers[0]:.9e}")[0]

    def convolve(self, x: GraphValue, layer: str, relu: bool = False) -> GraphValue:
        """Add a convolution."""
        weight, bias = self.weights.state[f"{layer}.weight"], self.weights.state[f"{layer}.bias"]
        self.binary += FLOAT32 + weight.astype("<f4").tobytes() + bias.astype("<f4").tobytes()
        groups, side = groups_of(weight), weight.shape[2]
        kind = "Convolution" if groups == 1 else "ConvolutionDepthWise"
        shape = f"0={len(weight)} 1={side} 4={side // 2} 5=1 6={weight.size} 7={groups} 9={int(relu)}"
        return self.add(kind, [x], parameters=shape if groups > 1 else shape.replace(" 7=1", ""))[0]

    def concatenate(self, first: GraphValue, second: GraphValue) -> GraphValue:
        """Join channels."""
        return self.add("Concat", [first, second], parameters="0=0")[0]

    def tanh(self, x: GraphValue) -> GraphValue:
        """Add a hyperbolic tangent."""
        return self.add("TanH", [x])[0]

    def split(self, maps: GraphValue, parts: int) -> list[GraphValue]:
        """Cut channels into equal parts, for which -233 stands."""
        return self.add("Slice", [maps], parts, f"-23300={parts}{',-233' * parts} 1=0")

    def curve(self, x: GraphValue, curve_map: GraphValue) -> GraphValue:
        """Add one step of the curve."""
        return x + curve_map * (x * x - x)

    def text(self, outputs: dict[str, GraphValue], note: str) -> str:
        """Return the .param file.

        Args:
            outputs: by the names that they get.
            note: the name of the input's layer, which is free, without spaces.
        """
        names = self._names_of_uses({value.name: name for name, value in outputs.items()})
        left = {value: iter(used) for value, used in names.items()}
        layers: list[tuple[str, str, list[str], list[str], str]] = []
        for kind, inputs, given, parameters in [("Input", [], ["image"], ""), *self._layers]:
            alone = [names[value][0] if len(names[value]) == 1 else value for value in given]
            name = note if kind == "Input" else given[0]
            layers.append((kind, name, [next(left[value]) for value in inputs], alone, parameters))
            layers += [
                ("Split", f"split_{value}", [value], names[value], "") for value in given if len(names[value]) > 1
            ]
        lines = [f"{kind} {name} {len(i)} {len(o)} {' '.join([*i, *o, p])}".rstrip() for kind, name, i, o, p in layers]
        return "\n".join([MAGIC, f"{len(layers)} {sum(len(given) for *_, given, _ in layers)}", *lines]) + "\n"

    def _names_of_uses(self, outputs: dict[str, str]) -> dict[str, list[str]]:
        """Return what each use calls a value; the use as an output of the file is the last."""
        uses = Counter(name for _, inputs, _, _ in self._layers for name in inputs)
        uses.update(list(outputs))
        names = {value: [f"{value}_use_{use}" for use in range(n)] if n > 1 else [value] for value, n in uses.items()}
        for value, name in outputs.items():
            names[value][-1] = name
        return names


def write_ncnn(contents: Contents, file: Path) -> None:
    """Write a .param, and a .bin beside it."""
    graph = NcnnGraph(contents.weights)
    image = GraphValue(graph, "image")
    curve_maps = estimate_curves(graph, image)  # type: ignore[arg-type]  # only what networks need is there
    enhanced = iterate_curve(graph, image, separate_maps(graph, curve_maps))  # type: ignore[arg-type]
    if contents.finish.stops:
        enhanced = expose(enhanced, contents.finish.stops)
    note = _note(contents.metadata())
    write_file(file.with_suffix(".bin"), bytes(graph.binary))
    write_file(file, graph.text({"enhanced": enhanced, "curve_maps": curve_maps}, note))


def _note(said: dict[str, str]) -> str:
    note = urlencode({key: said[key] for key in NOTED if key in said})
    if len(note) > NOTE_CHARACTERS:
        raise ValueError(
            f"what the .param says of itself takes {len(note)} characters, and ncnn has {NOTE_CHARACTERS}: shorten "
            "--license or --training-data"
        )
    return note


def read_ncnn_metadata(file: Path) -> dict[str, str]:
    """Return what a .param file says about itself: the name of its first layer.

    Raises:
        ValueError: if it is no such file.
    """
    try:
        return dict(parse_qsl(file.read_text(encoding="utf-8").splitlines()[2].split()[1]))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no .param file of ncnn; expected a layer in its third line") from error


def load_ncnn(file: Path) -> ExportedNetwork:
    """Load a .param and its .bin, to compute in float32."""
    import ncnn

    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    # Phones compute in float16 unless told otherwise.
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    if net.load_param(str(file)) or net.load_model(str(file.with_suffix(".bin"))):
        raise ValueError(f"ncnn cannot read {file.name} and its .bin")

    def run(image: FloatArray) -> tuple[FloatArray, FloatArray]:
        pairs = [_run_one(net, picture) for picture in image]
        enhanced, curve_maps = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        return enhanced, curve_maps

    return run


def _run_one(net: Any, picture: FloatArray) -> tuple[FloatArray, FloatArray]:
    import ncnn

    extractor = net.create_extractor()
    extractor.input("image", ncnn.Mat(np.ascontiguousarray(picture)).clone())
    enhanced, curve_maps = (np.array(extractor.extract(name)[1]) for name in ("enhanced", "curve_maps"))
    return enhanced, curve_maps
