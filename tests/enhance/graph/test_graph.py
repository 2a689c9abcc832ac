"""Which backend is chosen."""

from __future__ import annotations

import pytest

from tests.helpers.networks import make_weights
from zero_dce.enhance.graph import BACKENDS, choose_backend

WEIGHTS = make_weights()


@pytest.mark.parametrize(("missing", "next_best"), [("openvino", "onnxruntime"), ("onnx", "torch")])
def test_a_backend_that_is_not_installed(missing: str, next_best: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.enhance.graph.find_spec", lambda name: None if name == missing else name)
    monkeypatch.setattr("zero_dce.enhance.graph._has_nvidia_driver", lambda: False)
    message = rf"--backend openvino needs {missing}: pip install 'zero-dce-lightning\[openvino\]'"
    with pytest.raises(ModuleNotFoundError, match=message):
        choose_backend("openvino", WEIGHTS, "auto")
    assert choose_backend("auto", WEIGHTS, "auto").name == next_best


@pytest.mark.parametrize("name", BACKENDS)
def test_the_quickest_precision_comes_first(name: str) -> None:
    available = type(choose_backend(name, WEIGHTS, "auto")).precisions()  # type: ignore[attr-defined]
    assert choose_backend(name, WEIGHTS, "auto").precision == available[0]
    assert choose_backend(name, WEIGHTS, "float32").precision == available[-1] == "float32"
