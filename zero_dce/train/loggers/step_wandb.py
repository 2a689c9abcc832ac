"""W&B with its slider on the training step, complete also for a run that was killed and resumed."""

from __future__ import annotations

import logging
import os
import secrets
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import WandbLogger

from zero_dce.files import atomic
from zero_dce.records.run import WANDB, Rows, saved_steps
from zero_dce.signals import REQUEUE, hold_signals, is_stopping
from zero_dce.train.callbacks.samples import send_saved
from zero_dce.train.rank import is_first_process

log = logging.getLogger(__name__)
# The server answered a moment ago, so it need not get W&B's default time, which is three times as long.
SECONDS_TO_CONNECT = 25.0
# What W&B cannot send in this time after the last step is in the run's own files.
SECONDS_TO_FINISH = 60.0
# W&B's agent sets this variable to the id of the run that it starts.
RUN_ID_VARIABLE = "WANDB_RUN_ID"
# An offline run's folder gets this prefix when a later one replaces it; `wandb sync` of offline-run-* skips it then.
SUPERSEDED = "superseded-"


class StepWandbLogger(WandbLogger):
    """Lightning's WandbLogger, with W&B's own step equal to the training step.

    The media slider of the dashboard follows W&B's own step. All rows of a training step (losses, validation,
    pictures) become one row. Rows must come in the order of steps.

    Args:
        mode: ``offline`` needs no account and no network and never asks; ``online`` sends while training.
        id_file: keeps the W&B run's id, so that a resumed run is the same W&B run.
        options: those of ``WandbLogger``.
    """

    def __init__(self, mode: str, id_file: str, **options: Any) -> None:
        if mode == "offline":
            # This report is the only network traffic of offline mode.
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        # Offline, W&B's messages repeat the run's last lines; online they hold the dashboard's address.
        settings = wandb.Settings(
            silent=mode == "offline", init_timeout=SECONDS_TO_CONNECT, finish_timeout=SECONDS_TO_FINISH
        )
        file = Path(id_file)
        if file.is_file():
            options["id"] = file.read_text(encoding="utf-8").strip()
            if is_first_process():
                _supersede(Path(options["save_dir"]) / WANDB, options["id"])
        elif is_first_process():
            options["id"] = os.environ.get(RUN_ID_VARIABLE) or secrets.token_hex(4)
            with atomic(file) as unfinished:
                unfinished.write_text(options["id"] + "\n", encoding="utf-8")
        super().__init__(mode=mode, settings=settings, **options)
        # Lightning always passes this option, and W&B always warns of it.
        self._wandb_init.pop("anonymous", None)
        self._online, self._lost = mode == "online", False
        self._step, self._row = 0, dict[str, Any]()

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """Start the W&B run with its configuration.

        Raises:
            ConnectionError: if the server cannot be reached after all.
        """
        try:
            # W&B's own process, which starts here, must outlive these signals.
            with hold_signals(REQUEUE):
                super().log_hyperparams(params)
        except wandb.errors.CommError as error:
            raise ConnectionError(f"W&B could not start the run within {SECONDS_TO_CONNECT:.0f} s: {error}") from error

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Add to the row of a training step, unless the server has that step from before the run was resumed."""
        step = step or 0
        if step != self._step:
            self._send()
            self._step = step
        if step >= self.experiment.starting_step:
            self._row |= metrics

    @rank_zero_only
    def replay(self, rows: Rows, run: Path, until: int) -> None:
        """Send what an earlier part of a resumed run has logged, as far as the server does not have it.

        An offline run is one folder that cannot be continued, and a killed run may not have sent its last rows; so
        they come again from the run's own files, and each step is there once.

        Args:
            rows: of ``metrics.csv``.
            run: the run's folder, for the sample pictures.
            until: the last step to send: where the resumed run continues.
        """
        first = self.experiment.starting_step
        if first > until + 1:
            log.warning(
                "W&B has steps %d to %d from before the run was stopped, and keeps them as they were",
                until + 1,
                first - 1,
            )
        for step in sorted({*rows, *saved_steps(run)}):
            if first <= step <= until:
                self.log_metrics(rows.get(step, {}), step)
                send_saved([self], run, step)

    def close(self, failed: bool) -> None:
        """End the W&B run, if it was started.

        A server keeps a row as it gets it. One that a stop may have left without its validation is not sent: it comes
        with the resumed run.
        """
        if self._experiment is None:
            return
        if failed and self._online:
            self._row = {}
        self._send()
        with self._unless_stopped():
            self.experiment.finish(exit_code=int(failed))

    def _send(self) -> None:
        if self._row:
            with self._unless_stopped():
                self.experiment.log({**self._row, "trainer/global_step": self._step}, step=self._step)
        self._row = {}

    @contextmanager
    def _unless_stopped(self) -> Iterator[None]:
        """Let a run that a signal stops write its checkpoint, where the signal has ended W&B's own process before.

        What is lost for W&B is in ``metrics.csv``, from where the resumed run sends it.
        """
        try:
            yield
        except Exception as error:
            if not is_stopping():
                raise
            if not self._lost:
                log.warning("W&B was stopped before the run; resumed, it sends the rest (%s)", error)
            self._lost = True


def _supersede(folder: Path, run_id: str) -> None:
    for earlier in folder.glob(f"offline-run-*-{run_id}"):
        # W&B names folders by the second: two parts of a run that began in the same one have the same name.
        target, number = folder / f"{SUPERSEDED}{earlier.name}", 2
        while target.exists():
            target, number = folder / f"{SUPERSEDED}{earlier.name}-{number}", number + 1
        earlier.rename(target)
