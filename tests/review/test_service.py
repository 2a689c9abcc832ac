from __future__ import annotations

import os

import pytest
import wandb

from zero_dce.review.service import explain_refusal, quiet_wandb


@pytest.mark.parametrize("error", [wandb.errors.CommError("403"), ValueError("no such project")])
def test_what_wandb_raises_becomes_one_kind_of_error(error: Exception) -> None:
    said = rf"^W&B did not answer: {error}\. Ask again$"
    with pytest.raises(ConnectionError, match=said) as raised, explain_refusal("W&B did not answer", "Ask again"):
        raise error
    assert raised.value.__cause__ is error


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), explain_refusal("W&B did not answer", "Ask again"):
        raise KeyError("a mistake of ours")


def test_a_persons_own_choice_of_messages_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SILENT", "false")
    quiet_wandb()
    assert os.environ["WANDB_SILENT"] == "false"
