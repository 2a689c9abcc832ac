"""The gradient of a batch, some pictures at a time: the same gradient, in the memory of those pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from zero_dce.losses import CompositeLoss, LossTerms
from zero_dce.networks import DCENet, start_from_identity
from zero_dce.step.parts import in_parts

BATCH = 5


def parts_of_training() -> tuple[Any, dict[str, Any], list[Tensor]]:
    """Return a computation with all five terms, a batch, and the parameters."""
    torch.manual_seed(0)
    network, loss = DCENet(), CompositeLoss(weights={"spa": 1.0, "exp": 10.0, "col": 5.0, "tv": 200.0, "rec": 3.0})
    start_from_identity(network)
    torch.nn.init.normal_(network.e_conv7.weight, std=0.1)

    def compute(batch: Mapping[str, Any]) -> tuple[Tensor, LossTerms]:
        enhanced, maps = network(batch["image"])
        return enhanced, loss(batch["image"], enhanced, maps, batch["clean"])

    batch = {"image": torch.rand(BATCH, 3, 32, 48), "clean": torch.rand(BATCH, 3, 32, 48), "path": list("abcde")}
    return compute, batch, list(network.parameters())


@pytest.mark.parametrize("pictures", [1, 2, 4, 5, 9])
def test_the_gradient_is_that_of_the_batch(pictures: int) -> None:
    compute, batch, parameters = parts_of_training()
    enhanced, losses = compute(batch)
    expected = torch.autograd.grad(2 * losses.total, parameters)
    own_enhanced, own = in_parts(compute, batch, pictures, parameters)
    (2 * own.total).backward()  # type: ignore[no-untyped-call]
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert parameter.grad is not None
        assert (parameter.grad - gradient).abs().max() <= 1e-5 * gradient.abs().max()
    assert own.total.item() == pytest.approx(losses.total.item(), rel=1e-6)
    assert {name: term.item() for name, term in own.terms.items()} == pytest.approx(
        {name: term.item() for name, term in losses.terms.items()}, rel=1e-5
    )
    assert torch.allclose(own_enhanced, enhanced, atol=1e-6)
    assert not own_enhanced.requires_grad


def test_under_autocast_each_part_rounds_the_weights_anew() -> None:
    compute, batch, parameters = parts_of_training()
    with torch.autocast("cpu", torch.bfloat16):
        expected = torch.autograd.grad(compute(batch)[1].total, parameters)
        in_parts(compute, batch, 2, parameters)[1].total.backward()  # type: ignore[no-untyped-call]
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert parameter.grad is not None
        assert (parameter.grad - gradient).abs().max() <= 0.02 * gradient.abs().max()


class _Saved:
    """Counts the bytes that are saved for a backward pass and not freed yet, each storage once."""

    def __init__(self) -> None:
        self.now = self.peak = 0
        self._counts: dict[int, int] = {}

    def pack(self, tensor: Tensor) -> _Handle:
        return _Handle(self, tensor)


class _Handle:
    """A saved tensor: what autograd keeps instead of it."""

    def __init__(self, saved: _Saved, tensor: Tensor) -> None:
        self.tensor, self._saved = tensor, saved
        storage = tensor.untyped_storage()
        self._key, self._size = storage.data_ptr(), storage.nbytes()
        saved._counts[self._key] = saved._counts.get(self._key, 0) + 1
        if saved._counts[self._key] == 1:
            saved.now += self._size
            saved.peak = max(saved.peak, saved.now)

    def __del__(self) -> None:
        self._saved._counts[self._key] -= 1
        if not self._saved._counts[self._key]:
            self._saved.now -= self._size


def peak_of(pictures: int) -> int:
    compute, batch, parameters = parts_of_training()
    saved = _Saved()
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, lambda handle: handle.tensor):
        in_parts(compute, batch, pictures, parameters)
    # The weights are saved whatever the number of pictures.
    return saved.peak - sum(parameter.untyped_storage().nbytes() for parameter in parameters)


def test_only_a_part_is_saved_at_a_time() -> None:
    whole, one = peak_of(BATCH), peak_of(1)
    assert one <= 1.05 * whole / BATCH
    assert one / (32 * 48) <= 2100, "bytes for a pixel"
