"""Stop at the end of a step when a signal came: all processes at the same one, with a checkpoint of it."""

from __future__ import annotations

import signal
from typing import Any

import lightning as L
import torch
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from zero_dce.callbacks.checkpoints import StepCheckpoints
from zero_dce.interruption import SIGNALS, Interrupted, StopSignals


class _OwnHandlersStay(_SignalConnector):
    """Keep the Trainer from installing its handler of SIGTERM: it waits for other processes, which may wait too."""

    def register_signal_handlers(self) -> None:
        self.received_sigterm = False
        # Given back at the end; the Trainer itself leaves Ctrl-C ignored after one.
        self._original_handlers = self._get_current_signal_handlers()


class Interruption(L.Callback):
    """Look after each optimizer step whether a signal came to any of the processes, and stop all of them if so.

    The checkpoint is :class:`~zero_dce.callbacks.checkpoints.StepCheckpoints`' and replaces ``last.ckpt`` alone. The
    run stops where the next batch would begin: the step's losses, pictures and validation are on disk by then. When
    there is no next batch the run has finished, and finishes.

    Args:
        signals: open while the Trainer runs.
    """

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals
        self._step = 0
        self._agreed: signal.Signals | None = None
        self._checkpoints: StepCheckpoints | None = None

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Let signals be noted from here on, as processes may wait for each other now."""
        trainer._signal_connector = _OwnHandlersStay(trainer)
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        self._checkpoints = next((part for part in callbacks if isinstance(part, StepCheckpoints)), None)
        if stage == "fit":
            self.signals.defer()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to count steps."""
        self._step = trainer.global_step

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Agree with the other processes when a step has ended; under gradient accumulation not every batch ends one.

        The checkpoints, which the Trainer calls after all others, write this step's then.
        """
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        self._agreed = self._agree(trainer)
        if self._agreed is None:
            return
        _release_processes(trainer)
        if self._checkpoints is not None:
            self._checkpoints.request()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Stop: what belongs to the step is logged by now.

        Raises:
            Interrupted: on all processes, before the same batch.
        """
        if self._agreed is None:
            return
        if self._checkpoints is not None:
            self._checkpoints.confirm(trainer)
        raise Interrupted(self._agreed, self._step, saved=self._checkpoints is not None)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Take along the processes that the Trainer has started, where one stops without having asked them."""
        if isinstance(exception, Interrupted) and self._agreed is None and trainer.strategy.launcher is not None:
            trainer.strategy.launcher.kill(signal.SIGTERM)
            _release_processes(trainer)

    def _agree(self, trainer: L.Trainer) -> signal.Signals | None:
        """Return the signal that counts among those of all processes; ``None`` where none has any."""
        own = self.signals.received
        if trainer.world_size == 1:
            return own
        number = 0 if own is None else 1 + SIGNALS.index(own)
        tensor = torch.tensor(number, device=trainer.strategy.root_device)
        most = int(trainer.strategy.reduce(tensor, reduce_op="max"))
        return None if most == 0 else SIGNALS[most - 1]


def _release_processes(trainer: L.Trainer) -> None:
    """Let processes that the Trainer has started end by themselves.

    It watches them, and kills this process when one ends with another code than 0, as an interrupted one does.
    """
    if isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher):
        # The very list that is watched.
        trainer.strategy.launcher.procs.clear()
