"""The ONNX graph that is exported: a network with its curves, and what follows it."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from zero_dce.enhance.graph.programs import estimate_curves, iterate_curve, separate_maps
from zero_dce.enhance.graph.values import GraphValue
from zero_dce.export.finish import Finish
from zero_dce.export.sizes import SizedGraph
from zero_dce.export.whole import finish_picture
from zero_dce.weights import MAPS, Weights


def network_model(weights: Weights, finish: Finish | None = None, maps: bool = True) -> onnx.ModelProto:
    """Build the network with its eight curve iterations, for any batch, height and width.

    The input ``image`` is float32, N x 3 x H x W, in [0, 1]. The outputs are ``enhanced``, the same, and, with
    ``maps``, ``curve_maps``, N x 24 x H x W, of Zero-DCE++ N x 3 x H x W, in [-1, 1].

    Args:
        weights: of either network.
        finish: what is done to the enhanced picture.
        maps: whether the curve maps are an output.
    """
    graph = SizedGraph(weights)
    image = GraphValue(graph, "image")
    curve_maps = estimate_curves(graph, image)
    enhanced = iterate_curve(graph, image, separate_maps(graph, curve_maps))
    enhanced = finish_picture(graph, image, enhanced, finish or Finish())
    graph.name_output(enhanced, "enhanced")
    outputs = [_declare("enhanced", 3)]
    if maps:
        graph.name_output(curve_maps, "curve_maps")
        outputs.append(_declare("curve_maps", MAPS[weights.network]))
    return graph.model("enhance", [_declare("image", 3)], outputs)


def _declare(name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, "height", "width"])
