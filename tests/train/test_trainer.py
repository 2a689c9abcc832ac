"""The Trainer's own option."""

from __future__ import annotations

import pytest

from zero_dce.train.trainer import StepTrainer


def test_the_option_is_kept_and_the_others_are_lightnings() -> None:
    trainer = StepTrainer(graph="auto", accelerator="cpu", max_steps=3, logger=False, enable_checkpointing=False)
    assert (trainer.graph, trainer.max_steps) == ("auto", 3)


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(ValueError, match=r"trainer\.graph is 'cuda'; expected one of null, auto"):
        StepTrainer(graph="cuda")
