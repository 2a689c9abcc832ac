"""Checkpoints every N steps, all of them kept: the best one is chosen by eye."""

from __future__ import annotations

import io
import os
import shutil
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from zero_dce.checks import check_option
from zero_dce.files import UNFINISHED, atomic, ensure_folder, make_durable
from zero_dce.records.run import CHECKPOINTS, LAST, checkpoint_file
from zero_dce.step.reading import is_read
from zero_dce.train.callbacks.validation import is_due
from zero_dce.train.loggers.metrics_file import MetricsFile

# A checkpoint out of turn has this name until it becomes the last one.
RECOVERY = "recovery.ckpt"


class StepCheckpoints(Checkpoint):
    """Write ``checkpoints/step-000300.ckpt`` and ``checkpoints/last.ckpt`` every N steps and at the end.

    Nothing is ranked: no loss says which checkpoint looks best. Each file gets its name only when it is complete, and
    weights that are not finite are never written. ``last.ckpt``, which a run is resumed from, follows when all that was
    logged up to its step is on disk: a run that is killed or loses its power in between continues from the one before.

    Checkpoints out of turn, every so many minutes or when a run is interrupted, only become ``last.ckpt``, so that the
    ``step-*.ckpt`` of a run do not depend on when it was stopped.

    Args:
        folder: the run's folder.
        every_n_steps: optimizer steps between two checkpoints, at least 1.
        every_n_minutes: ``last.ckpt`` also follows when this much time has passed since a checkpoint, more than 0; by
            the first process's clock. With ``None`` it follows the steps only.

    Raises:
        ValueError: if a number is out of its range.
    """

    def __init__(self, folder: str, every_n_steps: int, every_n_minutes: float | None = None) -> None:
        self.run = Path(folder)
        self.folder = self.run / CHECKPOINTS
        check_option("every_n_steps", every_n_steps)
        if every_n_minutes is not None:
            check_option("callbacks.checkpoints.every_n_minutes", every_n_minutes)
        self.every_n_steps, self.every_n_minutes = every_n_steps, every_n_minutes
        self._requested = False
        # The step of the last step-*.ckpt, and the step of the last batch.
        self._saved = self._step = -1
        # When the last checkpoint was written, by time.monotonic.
        self._written = time.monotonic()
        self._unconfirmed: Path | None = None

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write files in their own folder: Lightning writes them to the system's first, which may be small or full."""
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = InPlace()

    def request(self) -> None:
        """Ask for a checkpoint of the step that has just ended, in turn or not; before the Trainer calls this one."""
        self._requested = True

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when the step number is a multiple of N, and after the last step.

        The last one is saved here and not at the end of training: there the Trainer has already counted the epoch as
        done, and a resumed run would skip the rest of it.
        """
        # Under gradient accumulation several batches end with the same step.
        ended_step = trainer.global_step != self._step
        self._step = trainer.global_step
        if is_due(trainer, self.every_n_steps):
            self._save(trainer, pl_module)
        elif ended_step and (self._is_time(trainer) or self._requested):
            self._write(trainer, pl_module, self.folder / RECOVERY)
        self._requested = False

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the last step where training ends for another reason than ``max_steps``."""
        self._save(trainer, pl_module)
        self.confirm(trainer, at_end=True)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Count a checkpoint that was resumed from as saved, and clear away what a killed run left half-written."""
        self._saved = self._step = trainer.global_step
        self._written = time.monotonic()
        if trainer.is_global_zero:
            for file in (*self.folder.glob(f"*{UNFINISHED}"), *self.folder.glob(RECOVERY)):
                file.unlink()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Confirm the last step's checkpoint: its losses, pictures and validation are logged by now."""
        self.confirm(trainer)

    def confirm(self, trainer: L.Trainer, at_end: bool = False) -> None:
        """Let ``last.ckpt`` follow the newest checkpoint, once all that was logged up to that step is on disk.

        While it may not be written there, as on Windows while a spreadsheet has it open, the next batch tries again.

        Raises:
            OSError: if it cannot be written, and at the end also if it may not.
        """
        if self._unconfirmed is None:
            return
        for logger in trainer.loggers:
            if isinstance(logger, MetricsFile):
                if at_end:
                    logger.write()
                elif not logger.write_if_allowed():
                    return
        if self._unconfirmed.name == RECOVERY:
            os.replace(self._unconfirmed, self.folder / LAST)
            make_durable(self.folder)
        else:
            with atomic(self.folder / LAST) as unfinished:
                shutil.copyfile(self._unconfirmed, unfinished)
            # It is of an earlier step whose confirmation failed.
            (self.folder / RECOVERY).unlink(missing_ok=True)
        self._unconfirmed = None

    def _is_time(self, trainer: L.Trainer) -> bool:
        """Tell whether so many minutes have passed; several processes get the first one's answer, and ask seldom."""
        if self.every_n_minutes is None:
            return False
        over = trainer.is_global_zero and time.monotonic() - self._written >= 60 * self.every_n_minutes
        if trainer.world_size == 1:
            return over
        return is_read(trainer, trainer.global_step) and trainer.strategy.reduce_boolean_decision(over, all=False)

    def _save(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        if trainer.global_step != self._saved:
            self._write(trainer, module, checkpoint_file(self.run, trainer.global_step))
            self._saved = trainer.global_step

    def _write(self, trainer: L.Trainer, module: L.LightningModule, file: Path) -> None:
        _require_finite(module, trainer.global_step)
        # All processes take part in saving, and the first one writes.
        if trainer.is_global_zero:
            ensure_folder(self.folder)
        with atomic(file) if trainer.is_global_zero else nullcontext(file) as unfinished:
            trainer.save_checkpoint(unfinished)
        if trainer.is_global_zero:
            self._unconfirmed = file
        self._written = time.monotonic()


class InPlace(TorchCheckpointIO):
    """Writes a checkpoint to the path that it is given, and nowhere else before that."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write it; PyTorch itself would end the whole process where the disk is full."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        # Lightning's own ModelCheckpoint, which a run may have besides, leaves this to whatever writes.
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content.getbuffer())


def _require_finite(module: L.LightningModule, step: int) -> None:
    bad = [name for name, value in module.named_parameters() if not torch.isfinite(value).all()]
    if bad:
        raise FloatingPointError(
            f"the weights are not finite after step {step} ({', '.join(bad)}); no checkpoint is written. "
            "Resume from the one before with a smaller model.learning_rate or loss.weights"
        )
