"""What a step may cost: bytes and operations, counted on tensors without content, for any machine."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from tests.helpers.paths import ROOT
from zero_dce.hardware import pictures_at_once
from zero_dce.module import ZeroDCE
from zero_dce.networks import DCENet

CPU = torch.device("cpu")


class PeakBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are alive after each operation, and keeps the most."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def add(self, tensors: Iterable[Any]) -> None:
        for tensor in tensors:
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                self._alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self._alive = {key: kept for key, kept in self._alive.items() if not kept[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.add(tree_leaves(result))
        return result


def published_total(image: Tensor, network: Any) -> Tensor:
    """The total of the released code as the benchmark writes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        benchmark: Any = importlib.import_module("train_step")
    total: Tensor = benchmark.published_loss(network, image, benchmark.difference_kernels().to(image.device))
    return total


def cost(batch: int, side: int, at_once: int, as_published: bool = False) -> tuple[int, int]:
    """Return the most bytes of a step, its pictures and Adam's moments among them, and its operations."""
    model = ZeroDCE(pictures_at_once=at_once).to("meta")
    parameters = list(model.network.parameters())
    with PeakBytes() as held, FlopCounterMode(display=False) as operations:
        held.add(parameters)
        image = torch.rand(batch, 3, side, side, device="meta")
        held.add([torch.empty_like(parameter) for parameter in parameters for _ in range(2)])
        total = published_total(image, model.network) if as_published else model.learn({"image": image})[1].total
        total.backward()  # type: ignore[no-untyped-call]
    return held.peak, operations.get_total_flops()


def chosen(batch: int, side: int) -> int:
    return min(batch, pictures_at_once(CPU, side * side))


@pytest.mark.parametrize("batch", [32, 64])
def test_large_batches_take_less_than_the_published_recipes_eight(batch: int) -> None:
    published, _ = cost(8, 256, 8, as_published=True)
    assert cost(batch, 256, chosen(batch, 256))[0] < published
    assert cost(batch, 256, 1)[0] < published / 2


@pytest.mark.parametrize(("batch", "side"), [(8, 512), (8, 768)])
def test_large_pictures_train_in_two_gigabytes(batch: int, side: int) -> None:
    assert cost(batch, side, chosen(batch, side))[0] < 2e9


def test_a_picture_of_256_pixels_takes_at_most_so_many_bytes() -> None:
    """More pictures at a time add what is saved for their backward pass, and little else."""
    one, two, eight = (cost(8, 256, at_once)[0] for at_once in (1, 2, 8))
    assert one < 170e6
    assert (two - one) < 155e6
    assert (eight - two) / 6 < 155e6


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_a_step_computes_each_convolution_three_times(at_once: int) -> None:
    """Forward, and the gradients of weights and of features: none is computed anew to save memory."""
    pixels = 8 * 64 * 64
    products = sum(weight.numel() for weight in DCENet().parameters() if weight.dim() == 4)
    of_the_picture = DCENet().e_conv1.weight.numel()  # type: ignore[union-attr]
    assert cost(8, 64, at_once)[1] == 2 * pixels * (3 * products - of_the_picture)
