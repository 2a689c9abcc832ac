from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.networks import make_weights
from zero_dce.enhance.graph import onnxruntime
from zero_dce.enhance.graph.programs import enhancement, estimation


def test_one_graph_serves_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[np.dtype] = []
    build = onnxruntime.program_model

    def count(weights, program, inputs):  # type: ignore[no-untyped-def]
        built.append(inputs[0].dtype)
        return build(weights, program, inputs)

    monkeypatch.setattr(onnxruntime, "program_model", count)
    backend, program = onnxruntime.ONNXRuntimeBackend(make_weights("zero_dce_pp"), "float32"), estimation()
    for dtype in (np.uint8, np.float32):
        for width in (1, 5, 9):
            (maps,) = backend.run(program, np.zeros((2, width, 3), dtype))
            assert maps.shape == (2, width, 3)
    assert built == [np.uint8, np.float32]


def test_the_oldest_graphs_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "MOST_SESSIONS", 2)
    backend = onnxruntime.ONNXRuntimeBackend(make_weights("zero_dce_pp"), "float32")
    for strength in (0.1, 0.2, 0.3, 0.2):
        backend.run(enhancement(strength), np.zeros((2, 3, 3), np.uint8))
    assert [key[0] for key in backend._sessions] == [enhancement(0.3), enhancement(0.2)]
