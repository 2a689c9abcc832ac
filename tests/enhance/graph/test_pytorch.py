"""PyTorch's threads, and a GPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tests.helpers.networks import make_weights
from zero_dce.enhance.engine import Enhancer
from zero_dce.images.canvas import ArrayCanvas
from zero_dce.networks import make_network
from zero_dce.weights import Weights

NETWORKS = {name: make_weights(name) for name in ("zero_dce", "zero_dce_pp")}


def random_image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((height, width, 3), dtype=np.float32)


def whole(weights: Weights, image: np.ndarray) -> np.ndarray:
    """The enhanced image, by the module that is trained, on the whole picture in float32."""
    with torch.no_grad():
        enhanced, _ = make_network(weights)(torch.from_numpy(image).permute(2, 0, 1)[None])
    return enhanced[0].permute(1, 2, 0).numpy()


def test_pytorch_keeps_its_number_of_threads() -> None:
    """A tile is computed on one core; what a program does beside or after it is not."""

    def threads_elsewhere() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert Enhancer(NETWORKS["zero_dce"], backend="torch").backend_for(8).workers == 3
        Enhancer(NETWORKS["zero_dce"], backend="torch", tile=16).enhance(ArrayCanvas(random_image(50, 70)))
        assert torch.get_num_threads() == threads_elsewhere() == 3
        tool = Enhancer(NETWORKS["zero_dce"], backend="torch", tile=16)
        torch.set_num_threads(2)
        tool.enhance(ArrayCanvas(random_image(50, 70)))
        assert torch.get_num_threads() == threads_elsewhere() == 2
    finally:
        torch.set_num_threads(before)


def test_each_tile_has_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    tool = Enhancer(NETWORKS["zero_dce"], backend="torch", tile=16)
    backend = tool.backend_for(32)
    run = backend.run

    def spy(*arguments: object) -> object:
        seen.add(torch.get_num_threads())
        return run(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(backend, "run", spy)
    tool.enhance(ArrayCanvas(random_image(50, 70)))
    assert seen == {1}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("precision", ["float32", "float16", "auto"])
def test_on_a_gpu(network: str, precision: str) -> None:
    image = random_image(300, 400)
    tool = Enhancer(NETWORKS[network], backend="torch", precision=precision, tile=128)
    assert tool.backend_for(8).device.type == "cuda"  # type: ignore[attr-defined]
    stored = (image * 255).round().astype(np.uint8)
    expected = whole(NETWORKS[network], stored.astype(np.float32) / 255) * 255
    difference = np.abs(tool.enhance(ArrayCanvas(stored)).pixels - expected)
    assert difference.max() <= (0.51 if precision == "float32" else 6)
    if precision == "float32":
        assert np.abs(tool.enhance(ArrayCanvas(image)).pixels - whole(NETWORKS[network], image)).max() <= 1e-5
