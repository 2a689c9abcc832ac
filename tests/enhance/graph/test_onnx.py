from __future__ import annotations

import numpy as np
import onnx

from tests.helpers.networks import make_weights
from zero_dce.enhance.fast.statistics import statistics_program
from zero_dce.enhance.graph.onnx import feed, program_model
from zero_dce.enhance.graph.programs import Program, enhancement


def declared(values: list[onnx.ValueInfoProto]) -> dict[str, tuple[int, list[int | str]]]:
    """Types and shapes by name; a free size is its name."""
    found = {}
    for value in values:
        tensor = value.type.tensor_type
        found[value.name] = (tensor.elem_type, [size.dim_param or size.dim_value for size in tensor.shape.dim])
    return found


def test_a_program_takes_stored_pixels_of_any_size() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    local = np.zeros((2, 3, 2), np.float32)
    graph = program_model(make_weights(), enhancement(1.0, with_map=True), [image, local]).graph
    assert declared(graph.input) == {
        "input_0": (onnx.TensorProto.UINT8, [1, "height_input_0", "width_input_0", 3]),
        "input_1": (onnx.TensorProto.FLOAT, [1, "height_input_1", "width_input_1", 2]),
    }
    types = [kind for kind, _ in declared(graph.output).values()]
    assert types == [onnx.TensorProto.UINT8, onnx.TensorProto.FLOAT], "the map is no stored picture"
    (only,) = program_model(make_weights(), statistics_program(4), [image]).graph.output
    assert only.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_constants_are_stored_once() -> None:
    program = Program("thrice", lambda graph, inputs: [inputs[0] * 0.5 * 0.5 * 0.5])
    graph = program_model(make_weights(), program, [np.zeros((2, 2, 3), np.float32)]).graph
    assert [constant.name for constant in graph.initializer] == ["number_0.5"]


def test_only_pictures_become_batches() -> None:
    picture, maps, matrix = np.zeros((4, 6, 3))[:, ::2], np.zeros((4, 3, 9)), np.zeros((2, 2))
    arrays = feed(Program("two", lambda graph, inputs: inputs, pictures=2), [picture, maps, matrix])
    assert [array.shape for array in arrays] == [(1, 4, 3, 3), (1, 4, 3, 9), (2, 2)]
    assert all(array.flags.c_contiguous for array in arrays)
