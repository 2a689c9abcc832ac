from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.networks import make_weights
from zero_dce.enhance.graph import openvino
from zero_dce.enhance.graph.programs import estimation


def test_the_graphs_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    build = openvino.program_model

    def count(weights, program, inputs):  # type: ignore[no-untyped-def]
        built.append(inputs[0].shape[1])
        return build(weights, program, inputs)

    monkeypatch.setattr(openvino, "program_model", count)
    backend, program = openvino.OpenVINOBackend(make_weights("zero_dce_pp"), "float32"), estimation()
    most = openvino.MOST_GRAPHS
    # Width 1 is used again and stays; width 2 was not used for longest when one more comes.
    for width in (*range(1, most + 1), 1, most + 1, 1, 2):
        (maps,) = backend.run(program, np.zeros((2, width, 3), np.uint8))
        assert maps.shape == (2, width, 3)
    assert built == [*range(1, most + 2), 2]


def test_an_output_outlives_the_next_run() -> None:
    backend, program = openvino.OpenVINOBackend(make_weights("zero_dce_pp"), "float32"), estimation()
    (first,) = backend.run(program, np.zeros((3, 4, 3), np.float32))
    before = first.copy()
    (second,) = backend.run(program, np.ones((3, 4, 3), np.float32))
    assert np.array_equal(first, before)
    assert not np.array_equal(first, second)
