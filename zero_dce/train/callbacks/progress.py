"""A progress bar over the whole run: losses and time left, not one bar an epoch."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm

from zero_dce.losses import CompositeLoss
from zero_dce.step.reading import is_read
from zero_dce.terminal import progress_bar

LOSSES = {name: f"train/{name}" for name in CompositeLoss.NAMES}


class StepProgress(ProgressBar):
    """Show steps done, time left and the four unweighted losses of the last logged step."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[Any] | None = None
        self._enabled = True

    def disable(self) -> None:
        """Show nothing; the Trainer calls it on all processes but the first."""
        self._enabled = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar, at the step that a resumed run continues from."""
        self._bar = progress_bar(
            total=trainer.max_steps if trainer.max_steps > 0 else None,
            initial=trainer.global_step,
            desc="training",
            unit="step",
            disable=not self._enabled,
        )

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""
        if self._bar is None:
            return
        # Under gradient accumulation several batches end with the same step.
        if trainer.global_step > self._bar.n and is_read(trainer, trainer.global_step):
            known = trainer.callback_metrics
            losses = {name: f"{float(known[key]):.2g}" for name, key in LOSSES.items() if key in known}
            self._bar.set_postfix(losses, refresh=False)
        self._bar.update(trainer.global_step - self._bar.n)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        self._close()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Close the bar, so that the error stands on a line of its own."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
