"""The gradient of a batch, computed for some of its pictures at a time, in the memory that those need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from zero_dce.losses import LossTerms

Computed = tuple[Tensor, LossTerms]


def in_parts(
    compute: Callable[[Mapping[str, Any]], Computed],
    batch: Mapping[str, Any],
    pictures: int,
    parameters: Sequence[Tensor],
) -> Computed:
    """Compute a batch's losses and their gradient, some pictures at a time.

    What is saved for the backward pass is what takes the memory of training: 130 MB for a picture of 256 x 256 pixels.
    Every term of the loss is a mean over pictures, so the gradient of a batch is the mean of those of its parts. Each
    is computed here at once, and nothing of a part is kept but that. The backward pass of the total only hands it on.

    Args:
        compute: returns enhanced pictures and losses of a batch, whose losses depend on ``parameters`` alone.
        batch: tensors, B x ..., and sequences of B.
        pictures: at most so many at a time.
        parameters: what the gradient is taken for.

    Returns:
        The enhanced pictures, and the losses, whose total alone has a gradient.
    """
    size, results = len(batch["image"]), []
    sums: list[Tensor] = []
    with torch.enable_grad():
        for start in range(0, size, pictures):
            part = {name: values[start : start + pictures] for name, values in batch.items()}
            enhanced, losses = compute(part)
            share = len(part["image"]) / size
            gradients = torch.autograd.grad(losses.total * share, parameters)
            # Under autocast, weights that were rounded once are kept, with a graph that is gone now.
            torch.clear_autocast_cache()
            sums = [have.add_(more) for have, more in zip(sums, gradients, strict=True)] if sums else list(gradients)
            results.append((share, enhanced.detach(), losses))
    terms = {name: _sum(share * losses.terms[name] for share, _, losses in results) for name in results[0][2].terms}
    total: Tensor = _HandOn.apply(_sum(share * losses.total for share, _, losses in results), *sums, *parameters)  # type: ignore[no-untyped-call]
    return torch.cat([enhanced for _, enhanced, _ in results]), LossTerms(terms, results[0][2].weights, total)


def _sum(values: Iterable[Tensor]) -> Tensor:
    return torch.stack([value.detach() for value in values]).sum()


class _HandOn(torch.autograd.Function):
    """Return a value whose gradient with respect to the parameters is known already."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, *gradients_and_parameters: Tensor) -> Tensor:
        count = len(gradients_and_parameters) // 2
        ctx.save_for_backward(*gradients_and_parameters[:count])
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        gradients = [outer[0] * gradient for gradient in ctx.saved_tensors]
        return None, *[None] * len(gradients), *gradients
