"""The bar over a whole run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from zero_dce.train.callbacks.progress import StepProgress


def trainer_at(step: int, **metrics: float) -> Any:
    shown = {name.replace("_", "/"): torch.tensor(value) for name, value in metrics.items()}
    return SimpleNamespace(max_steps=10, global_step=step, log_every_n_steps=5, callback_metrics=shown)


def test_it_shows_steps_and_losses_of_training(capsys: pytest.CaptureFixture[str]) -> None:
    bar = StepProgress()
    model: Any = None
    bar.on_train_start(trainer_at(4), model)
    bar.on_train_batch_end(trainer_at(5, train_exp=0.125, val_exp=9.0), model, None, None, 0)
    assert bar._bar is not None
    assert (bar._bar.n, bar._bar.initial, bar._bar.total) == (5, 4, 10)
    assert bar._bar.postfix == "exp=0.12"
    bar.on_train_batch_end(trainer_at(6, train_exp=9.0), model, None, None, 0)
    assert bar._bar.postfix == "exp=0.12", "values are read where they were logged"
    bar.on_exception(trainer_at(6), model, ValueError())
    bar.on_train_batch_end(trainer_at(7), model, None, None, 0)
    assert "training:" in capsys.readouterr().err


def test_other_processes_show_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    bar = StepProgress()
    bar.disable()
    model: Any = None
    bar.on_train_start(trainer_at(0), model)
    bar.on_train_end(trainer_at(10), model)
    assert capsys.readouterr().err == ""
