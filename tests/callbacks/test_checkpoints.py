from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from zero_dce.callbacks.checkpoints import StepCheckpoints, last_checkpoint, read_step
from zero_dce.module import ZeroDCE


def trainer_at(step: int, max_steps: int = 100) -> Any:
    def save(file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"global_step": step}, file)

    return SimpleNamespace(global_step=step, max_steps=max_steps, is_global_zero=True, save_checkpoint=save)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "checkpoints").iterdir())


def test_every_n_steps_and_the_last_one(tmp_path: Path) -> None:
    callback, model = StepCheckpoints(str(tmp_path), 2), ZeroDCE()
    for step in range(1, 6):
        callback.on_train_batch_end(trainer_at(step, max_steps=5), model, None, None, 0)
    callback.on_train_end(trainer_at(5), model)
    assert names(tmp_path) == ["last.ckpt", "step-000002.ckpt", "step-000004.ckpt", "step-000005.ckpt"]
    assert read_step(last_checkpoint(tmp_path)) == 5


def test_nothing_half_written_gets_a_checkpoints_name(tmp_path: Path) -> None:
    callback, model = StepCheckpoints(str(tmp_path), 1), ZeroDCE()
    callback.on_train_batch_end(trainer_at(1), model, None, None, 0)

    def killed(file: Path) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    trainer = trainer_at(2)
    trainer.save_checkpoint = killed
    with pytest.raises(KeyboardInterrupt):
        callback.on_train_batch_end(trainer, model, None, None, 0)
    assert not (tmp_path / "checkpoints" / "step-000002.ckpt").exists()
    assert read_step(last_checkpoint(tmp_path)) == 1


def test_broken_weights_are_not_saved(tmp_path: Path) -> None:
    callback, model = StepCheckpoints(str(tmp_path), 1), ZeroDCE()
    callback.on_train_batch_end(trainer_at(1), model, None, None, 0)
    with torch.no_grad():
        model.network.e_conv2.bias[0] = float("nan")
    with pytest.raises(FloatingPointError, match=r"not finite after step 2 \(network\.e_conv2\.bias\)"):
        callback.on_train_batch_end(trainer_at(2), model, None, None, 0)
    assert read_step(last_checkpoint(tmp_path)) == 1


def test_wrong_interval_and_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every_n_steps is 0"):
        StepCheckpoints(str(tmp_path), 0)
    with pytest.raises(FileNotFoundError, match=r"last\.ckpt does not exist"):
        last_checkpoint(tmp_path)
