"""What values record is what NumPy computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tests.helpers.networks import make_weights
from zero_dce.enhance.graph.onnx import OnnxGraph
from zero_dce.enhance.graph.values import GraphValue

X = np.array([[-1.5, 0.25], [0.5, 4.0]], np.float32).reshape(1, 1, 2, 2)


def computed(function: Callable[[Any], Any], axes: int = 4) -> Any:
    graph = OnnxGraph(make_weights())
    result = function(GraphValue(graph, "x"))
    shapes = {"x": X.shape, result.name: [None] * axes}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    model = graph.model("one", ends[:1], ends[1:])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": X})[0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 1 + x - 3 * (2 - x),
        lambda x: -x / 4 + 1 / x,
        lambda x: x**2,
        lambda x: (x * x) ** 0.5,
        lambda x: (x * x) ** 1.7,
        lambda x: 2.0**x,
        lambda x: x @ x,
        lambda x: 1.0 * (x > 0.25) + 2.0 * (x >= 0.25) + 4.0 * (x < 0.5) + 8.0 * (x <= 0.5),
        lambda x: 1.0 * ((x > 0) & (x < 1)) + 2.0 * ((x > 1) | (x < 0)),
        lambda x: x[:, :, :1, 1:],
        lambda x: x.clip(0),
        lambda x: x.clip(0, 1),
        lambda x: x.mean(axis=(1, 2, 3), keepdims=True),
        lambda x: x.mean(axis=1, keepdims=False),
    ],
)
def test_it_is_what_numpy_computes(function: Callable[[Any], Any]) -> None:
    expected = function(X)
    np.testing.assert_allclose(computed(function, expected.ndim), expected, rtol=1e-5)


def test_further_methods() -> None:
    np.testing.assert_array_equal(computed(lambda x: x.relu()), X.clip(0))
    np.testing.assert_array_equal(computed(lambda x: x.abs()), np.abs(X))
    np.testing.assert_array_equal(computed(lambda x: x.reshape(4, 1), axes=2), X.reshape(4, 1))
