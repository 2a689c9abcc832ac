"""Checkpoints every N steps, all of them kept: the best one is chosen by eye."""

from __future__ import annotations

import pickle
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint

from zero_dce.callbacks.schedule import check_interval, is_due
from zero_dce.files import UNFINISHED, atomic
from zero_dce.loggers.metrics_file import MetricsFile
from zero_dce.weights import TITLES, read_weights

LAST = "last.ckpt"


class StepCheckpoints(Checkpoint):
    """Write ``checkpoints/step-000300.ckpt`` and ``checkpoints/last.ckpt`` every N steps and at the end.

    Nothing is ranked: no loss says which checkpoint looks best. Each file gets its name only when it is complete, and
    weights that are not finite are never written. ``last.ckpt``, which a run is resumed from, follows when all that was
    logged up to its step is on disk: a run that is killed in between continues from the one before.

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
        self._unconfirmed: Path | None = None

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
        self._confirm(trainer)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Count a checkpoint that was resumed from as saved, and clear away what a killed run left half-written."""
        self._saved = trainer.global_step
        if trainer.is_global_zero:
            for file in self.folder.glob(f"*{UNFINISHED}"):
                file.unlink()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Let ``last.ckpt`` follow: the step's losses, pictures and validation are logged by now."""
        self._confirm(trainer)

    def _save(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        step = trainer.global_step
        # Under gradient accumulation several batches end with the same step.
        if step == self._saved:
            return
        _require_finite(module, step)
        file = self.folder / f"step-{step:06d}.ckpt"
        # All processes take part, the first one writes.
        with atomic(file) if trainer.is_global_zero else nullcontext(file) as unfinished:
            trainer.save_checkpoint(unfinished)
        if trainer.is_global_zero:
            self._unconfirmed = file
        self._saved = step

    def _confirm(self, trainer: L.Trainer) -> None:
        if self._unconfirmed is None:
            return
        try:
            for logger in trainer.loggers:
                if isinstance(logger, MetricsFile):
                    logger.write()
        except PermissionError:
            # On Windows, while a spreadsheet has it open: tried again after the next batch.
            return
        with atomic(self.folder / LAST) as unfinished:
            shutil.copyfile(self._unconfirmed, unfinished)
        self._unconfirmed = None


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
    """Return the number of optimizer steps done before a checkpoint was written.

    Raises:
        ValueError: if the file cannot be read as a checkpoint of a run.
    """
    try:
        return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"])
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise ValueError(
            f"{checkpoint} cannot be read as a checkpoint of a run ({type(error).__name__}). To continue from an "
            "earlier one, copy step-*.ckpt of the step you want over it"
        ) from error


def check_steps_left(checkpoint: Path, max_steps: int) -> int:
    """Return the step that a checkpoint continues from.

    Raises:
        ValueError: if there is nothing left to train, or the checkpoint cannot be read.
    """
    step = read_step(checkpoint)
    if 0 <= max_steps <= step:
        raise ValueError(f"{checkpoint} has {step} steps already: give more than that as trainer.max_steps={2 * step}")
    return step


def check_network(checkpoint: Path, network: str) -> None:
    """Return if a checkpoint holds weights of the network that is to be trained on.

    Raises:
        ValueError: if it holds the other network's.
    """
    found = read_weights(checkpoint).network
    if found != network:
        raise ValueError(
            f"{checkpoint} holds {TITLES[found]}, but model.network is {network!r}: resume without model=, or start a "
            "new run without resume="
        )


def _require_finite(module: L.LightningModule, step: int) -> None:
    bad = [name for name, value in module.named_parameters() if not torch.isfinite(value).all()]
    if bad:
        raise FloatingPointError(
            f"the weights are not finite after step {step} ({', '.join(bad)}); no checkpoint is written. "
            "Resume from the one before with a smaller model.learning_rate or loss.weights"
        )
