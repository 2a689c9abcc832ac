"""Checkpoints every N steps, all of them kept: the best one is chosen by eye."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint

from zero_dce.callbacks.schedule import check_interval, is_due

LAST = "last.ckpt"


class StepCheckpoints(Checkpoint):
    """Write ``checkpoints/step-000300.ckpt`` and ``checkpoints/last.ckpt`` every N steps and at the end.

    Nothing is ranked: no loss says which checkpoint looks best. Each file gets its name only when it is complete, and
    weights that are not finite are never written.

    Args:
        folder: the run's folder.
        every_n_steps: optimizer steps between two checkpoints, at least 1.

    Raises:
        ValueError: if ``every_n_steps`` is below 1.
    """

    def __init__(self, folder: str, every_n_steps: int) -> None:
        self.folder = Path(folder) / "checkpoints"
        self.every_n_steps = check_interval(every_n_steps)
        self._saved = -1

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when the step number is a multiple of N, and after the last step.

        The last one is saved here and not at the end of training: there the Trainer has already counted the epoch as
        done, and a resumed run would skip the rest of it.
        """
        if is_due(trainer, self.every_n_steps):
            self._save(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the last step where training ends for another reason than ``max_steps``."""
        self._save(trainer, pl_module)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Count a checkpoint that was resumed from as saved."""
        self._saved = trainer.global_step

    def _save(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        step = trainer.global_step
        # Under gradient accumulation several batches end with the same step.
        if step == self._saved:
            return
        _require_finite(module, step)
        file = self.folder / f"step-{step:06d}.ckpt"
        unfinished = file.with_suffix(".unfinished")
        trainer.save_checkpoint(unfinished)
        if trainer.is_global_zero:
            os.replace(unfinished, file)
            shutil.copyfile(file, unfinished)
            os.replace(unfinished, self.folder / LAST)
        self._saved = step


def last_checkpoint(run: Path) -> Path:
    """Return the checkpoint that a run continues from.

    Raises:
        FileNotFoundError: if the run has none; a resumed run never starts from step 0 in silence.
    """
    file = run / "checkpoints" / LAST
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} does not exist: nothing to resume. Give the folder of one run, that holds checkpoints/{LAST}"
        )
    return file


def read_step(checkpoint: Path) -> int:
    """Return the number of optimizer steps done before a checkpoint was written."""
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"])


def check_steps_left(checkpoint: Path, max_steps: int) -> int:
    """Return the step that a checkpoint continues from.

    Raises:
        ValueError: if there is nothing left to train.
    """
    step = read_step(checkpoint)
    if 0 <= max_steps <= step:
        raise ValueError(f"{checkpoint} has {step} steps already: give more than that as trainer.max_steps={2 * step}")
    return step


def _require_finite(module: L.LightningModule, step: int) -> None:
    bad = [name for name, value in module.named_parameters() if not torch.isfinite(value).all()]
    if bad:
        raise FloatingPointError(
            f"the weights are not finite after step {step} ({', '.join(bad)}); no checkpoint is written. "
            "Resume from the one before with a smaller model.learning_rate or loss.weights"
        )
