"""What is kept of steps until they are checked, and what the error says."""

from __future__ import annotations

import pytest
import torch

from zero_dce.losses import LossTerms
from zero_dce.step.finite import BatchLosses, FiniteSteps, NonFiniteLossError


def test_a_finite_loss_keeps_its_bits() -> None:
    total = torch.tensor(1.2345678, requires_grad=True)
    steps = FiniteSteps()
    kept = steps.add(0, LossTerms({"exp": total.detach()}, {"exp": 1.0}, total), ["a.jpg"])
    assert torch.equal(kept, total)
    assert torch.equal(torch.autograd.grad(kept, total)[0], torch.tensor(1.0))
    steps.check(bool)


def test_another_process_may_be_the_one() -> None:
    steps, total = FiniteSteps(), torch.tensor(0.5)
    steps.add(7, LossTerms({"exp": total}, {"exp": 1.0}, total), ["a.jpg"])
    with pytest.raises(NonFiniteLossError, match=r"(?s)after 7 steps.*another one.*a\.jpg"):
        steps.check(lambda flag: False)
    steps.check(lambda flag: pytest.fail("it has been told"))


def test_only_the_broken_term_is_named() -> None:
    terms = {"spa": torch.tensor(1.0), "col": torch.tensor(torch.inf)}
    with pytest.raises(NonFiniteLossError, match=r"after 3 steps: col \(spa=1, col=inf\)"):
        BatchLosses(3, terms, torch.tensor(torch.inf), ["a.jpg"]).require_finite()
