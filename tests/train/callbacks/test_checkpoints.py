from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.loggers import Logger

from tests.helpers.runs import read_metrics
from zero_dce.module import ZeroDCE
from zero_dce.records.run import last_checkpoint
from zero_dce.train.callbacks import checkpoints
from zero_dce.train.callbacks.checkpoints import InPlace, StepCheckpoints
from zero_dce.train.loggers.metrics_file import MetricsFile
from zero_dce.train.resuming import read_step


def trainer_at(step: int, max_steps: int = 100, loggers: Sequence[Logger] = ()) -> Any:
    def save(file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"global_step": step}, file)

    return SimpleNamespace(
        global_step=step, max_steps=max_steps, is_global_zero=True, world_size=1, save_checkpoint=save, loggers=loggers
    )


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
    callback.on_train_batch_start(trainer_at(1), model, None, 1)

    def killed(file: Path) -> None:
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    trainer = trainer_at(2)
    trainer.save_checkpoint = killed
    with pytest.raises(KeyboardInterrupt):
        callback.on_train_batch_end(trainer, model, None, None, 0)
    assert not (tmp_path / "checkpoints" / "step-000002.ckpt").exists()
    assert read_step(last_checkpoint(tmp_path)) == 1


def test_the_last_one_follows_when_its_rows_are_on_disk(tmp_path: Path) -> None:
    """A run killed between a checkpoint and the row of its step would lose the row for ever."""
    callback, model, rows = StepCheckpoints(str(tmp_path), 1), ZeroDCE(), MetricsFile(str(tmp_path))
    for step in (1, 2):
        trainer = trainer_at(step, loggers=[rows])
        callback.on_train_batch_end(trainer, model, None, None, 0)
        # The Trainer logs after the callbacks.
        rows.log_metrics({"train/exp": 0.1}, step=step)
        if step == 1:
            callback.on_train_batch_start(trainer, model, None, 1)
    assert names(tmp_path) == ["last.ckpt", "step-000001.ckpt", "step-000002.ckpt"]
    assert read_step(last_checkpoint(tmp_path)) == 1
    assert [row["step"] for row in read_metrics(tmp_path)] == ["1"]
    callback.on_train_batch_start(trainer, model, None, 2)
    assert read_step(last_checkpoint(tmp_path)) == 2
    assert [row["step"] for row in read_metrics(tmp_path)] == ["1", "2"]


def test_a_run_does_not_end_well_while_its_rows_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its last checkpoint would not be the one that it is resumed from, and nothing would say so."""

    def refuse(self: MetricsFile) -> None:
        raise PermissionError(13, "Permission denied", str(self.file))

    rows, callback, model = MetricsFile(str(tmp_path)), StepCheckpoints(str(tmp_path), 1), ZeroDCE()
    monkeypatch.setattr(MetricsFile, "write", refuse)
    callback.on_train_batch_end(trainer_at(1), model, None, None, 0)
    callback.on_train_batch_start(trainer_at(1, loggers=[rows]), model, None, 1)
    assert "metrics.csv" in caplog.text
    assert "as soon as that is possible" in caplog.text
    with pytest.raises(PermissionError, match=r"metrics\.csv"):
        callback.on_train_end(trainer_at(1, loggers=[rows]), model)
    monkeypatch.undo()
    callback.on_train_batch_start(trainer_at(1, loggers=[rows]), model, None, 1)
    assert read_step(last_checkpoint(tmp_path)) == 1


def test_leftovers_of_a_killed_run_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "step-000007.unfinished").write_bytes(b"half")
    (tmp_path / "checkpoints" / "recovery.ckpt").write_bytes(b"of a step whose row is not there")
    StepCheckpoints(str(tmp_path), 1).on_train_start(trainer_at(6), ZeroDCE())
    assert names(tmp_path) == []


def test_a_checkpoint_out_of_turn_becomes_the_last_one_alone(tmp_path: Path) -> None:
    callback, model = StepCheckpoints(str(tmp_path), 2), ZeroDCE()
    for step, expected in ((1, ["last.ckpt"]), (2, ["last.ckpt", "step-000002.ckpt"])):
        callback.request()
        # Under gradient accumulation a second batch ends with the same step.
        for batch in (0, 1):
            callback.on_train_batch_end(trainer_at(step), model, None, None, batch)
        callback.on_train_batch_start(trainer_at(step), model, None, 2)
        assert names(tmp_path) == expected
        assert read_step(last_checkpoint(tmp_path)) == step
    callback.request()
    callback.on_train_batch_end(trainer_at(3), model, None, None, 0)
    assert read_step(last_checkpoint(tmp_path)) == 2, "its row may not be on disk yet"
    callback.on_train_end(trainer_at(3), model)
    assert names(tmp_path) == ["last.ckpt", "step-000002.ckpt", "step-000003.ckpt"]
    assert read_step(last_checkpoint(tmp_path)) == 3


def test_every_so_many_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: now[0]))
    callback, model = StepCheckpoints(str(tmp_path), 4, every_n_minutes=2), ZeroDCE()
    callback.on_train_start(trainer_at(0), model)
    last = []
    for step in range(1, 8):
        now[0] += 60
        callback.on_train_batch_end(trainer_at(step), model, None, None, 0)
        callback.on_train_batch_start(trainer_at(step), model, None, 1)
        last.append(read_step(last_checkpoint(tmp_path)) if (tmp_path / "checkpoints").exists() else 0)
    assert last == [0, 2, 2, 4, 4, 6, 6]
    assert names(tmp_path) == ["last.ckpt", "step-000004.ckpt"]


def test_several_processes_look_at_the_clock_after_logged_steps_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [1000.0], []
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: now[0]))
    callback = StepCheckpoints(str(tmp_path), 100, every_n_minutes=2)

    def decide(decision: bool, all: bool) -> bool:
        asked.append(decision)
        return decision

    for step in range(1, 7):
        now[0] += 60
        trainer = trainer_at(step)
        trainer.world_size, trainer.log_every_n_steps = 2, 3
        trainer.strategy = SimpleNamespace(reduce_boolean_decision=decide)
        assert callback._is_time(trainer) == (step in (3, 6))
    assert asked == [True, True]


def test_broken_weights_are_not_saved(tmp_path: Path) -> None:
    callback, model = StepCheckpoints(str(tmp_path), 1), ZeroDCE()
    callback.on_train_batch_end(trainer_at(1), model, None, None, 0)
    callback.on_train_batch_start(trainer_at(1), model, None, 1)
    with torch.no_grad():
        model.network.e_conv2.bias[0] = float("nan")
    with pytest.raises(FloatingPointError, match=r"not finite after step 2 \(network\.e_conv2\.bias\)"):
        callback.on_train_batch_end(trainer_at(2), model, None, None, 0)
    assert read_step(last_checkpoint(tmp_path)) == 1


def test_nothing_is_written_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's folder for passing files may be small, or full, where the run's disk has room."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    StepCheckpoints(str(tmp_path), 1).setup(trainer, ZeroDCE(), "fit")
    file = tmp_path / "checkpoints" / "step-000001.ckpt"
    trainer.strategy.checkpoint_io.save_checkpoint({"global_step": 1}, file)
    assert read_step(file) == 1
    assert names(tmp_path) == ["step-000001.ckpt"]


def test_a_configured_way_of_writing_stays(tmp_path: Path) -> None:
    class Own(TorchCheckpointIO):
        pass

    trainer = L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, plugins=[Own()])
    StepCheckpoints(str(tmp_path), 1).setup(trainer, ZeroDCE(), "fit")
    assert isinstance(trainer.strategy.checkpoint_io, Own)


def test_wrong_interval_and_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every_n_steps is 0"):
        StepCheckpoints(str(tmp_path), 0)
    with pytest.raises(ValueError, match=r"callbacks\.checkpoints\.every_n_minutes is 0"):
        StepCheckpoints(str(tmp_path), 1, every_n_minutes=0)
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        last_checkpoint(tmp_path)


def test_a_checkpoint_in_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """As Lightning's ModelCheckpoint wants it of whatever writes."""
    file = tmp_path / "best" / "a.ckpt"
    InPlace().save_checkpoint({"global_step": 3}, file)
    assert read_step(file) == 3
