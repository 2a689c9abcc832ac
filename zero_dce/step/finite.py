"""Steps whose loss or gradient is not finite: they change no weights, and an error names their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zero_dce.losses import LossTerms

WAY_OUT = "The last checkpoint is from before this step. A smaller model.learning_rate or loss.weights may help."


class NonFiniteLossError(FloatingPointError):
    """A loss or its gradient became NaN or infinite; the message names the term and the batch's files."""


@dataclass(frozen=True)
class BatchLosses:
    """The losses of a batch, which may still be on their way, after ``step`` steps."""

    step: int
    terms: dict[str, Tensor]
    total: Tensor
    paths: Sequence[str]

    @classmethod
    def of(cls, step: int, losses: LossTerms, paths: Sequence[str]) -> BatchLosses:
        """Copy the values of losses, as those of a compiled step are overwritten by the next one."""
        *terms, total = torch.stack([value.detach() for value in (*losses.terms.values(), losses.total)]).unbind()
        return cls(step, dict(zip(losses.terms, terms, strict=True)), total, paths)

    def require_finite(self) -> None:
        """Raise NonFiniteLossError where the total is not finite."""
        if torch.isfinite(self.total):
            return
        bad = [name for name, value in self.terms.items() if not torch.isfinite(value)]
        raise NonFiniteLossError(
            f"the loss is not finite after {self.step} steps: {', '.join(bad) or 'the weighted total'} "
            f"({self.values()}).\n{self.files()}\n{WAY_OUT}"
        )

    def values(self) -> str:
        """Return each term's name and value."""
        return ", ".join(f"{name}={value.item():.4g}" for name, value in self.terms.items())

    def files(self) -> str:
        """Return the names of the files, a line each."""
        return "The batch's files:\n  " + "\n  ".join(self.paths)


class FiniteSteps:
    """Leaves steps out that are not finite, without asking the device, and tells of them later.

    The gradient of a loss that is not finite is made NaN, and so is the sum of the gradients of all processes: each of
    them leaves the step out.
    """

    def __init__(self) -> None:
        self._batches: list[BatchLosses] = []
        self._norms: list[tuple[int, Tensor]] = []

    def add(self, step: int, losses: LossTerms, paths: Sequence[str]) -> Tensor:
        """Keep in mind the losses of a batch, and return the total to take the gradient of."""
        batch = BatchLosses.of(step, losses, paths)
        self._batches.append(batch)
        # 0 for a finite number and NaN for others; times 1 changes no bit.
        return losses.total * (1 + 0 * batch.total)

    def skip(self, step: int, norm: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Let a fused optimizer skip its next step if the norm of the gradient is not finite."""
        self._norms.append((step, norm.detach()))
        optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]  # as a GradScaler sets it

    def check(self, everywhere: Callable[[Tensor], bool]) -> None:
        """Read whether all steps since the last time were finite.

        Args:
            everywhere: tells whether a flag holds on all processes, which call this after the same steps.

        Raises:
            NonFiniteLossError: on all processes, for the first of these steps that was not.
        """
        batches, norms = self._batches, self._norms
        self._batches, self._norms = [], []
        seen = [batch.total.float() for batch in batches] + [norm.float() for _, norm in norms]
        if not seen or everywhere(torch.isfinite(torch.stack(seen)).all()):
            return
        for batch in batches:
            batch.require_finite()
        raise NonFiniteLossError(_describe_gradient(batches, norms))


def _describe_gradient(batches: Sequence[BatchLosses], norms: Sequence[tuple[int, Tensor]]) -> str:
    """Describe a step that was not finite, although all losses of this process were."""
    only = batches[0].step if batches[0].step == batches[-1].step else None
    first = next((step for step, norm in norms if not torch.isfinite(norm)), only)
    own = [batch for batch in batches if batch.step == first]
    when = f"after {first} steps" if own else f"after {batches[0].step} to {batches[-1].step} steps"
    return (
        f"the gradient is not finite {when}. The losses of this process are finite; those of another one, "
        "where there is one, may not be, and its message names the term and the files.\n"
        + "\n".join(f"Here: {batch.values()}. {batch.files()}" for batch in own)
        + f"\n{WAY_OUT}"
    )
