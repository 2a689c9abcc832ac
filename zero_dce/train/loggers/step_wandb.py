"""W&B with its slider on the training step, complete also for a run that was killed and resumed."""

from __future__ import annotations

import logging
import os
import secrets
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import WandbLogger

from zero_dce.records.run import WANDB
from zero_dce.signals import REQUEUE, hold_signals, is_stopping
from zero_dce.train.loggers.tracker import IDS, Picture, StepRows, is_id, read_id, write_id
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


class StepWandbLogger(StepRows, WandbLogger):
    """Lightning's WandbLogger, with W&B's own step equal to the training step.

    The media slider of the dashboard follows W&B's own step. All rows of a training step (losses, validation,
    pictures) become one row. Rows must come in the order of steps. An offline run is one folder that cannot be
    continued, so a resumed part sends the earlier ones again; a server keeps a row as it gets it.

    Args:
        mode: ``offline`` needs no account and no network and never asks; ``online`` sends while training.
        id_file: keeps the W&B run's id, so that a resumed run is the same W&B run.
        settings: of ``wandb.Settings``, by which what is recorded besides can be left out; ``None`` is W&B's default.
        options: those of ``WandbLogger``.
    """

    service = "W&B"

    def __init__(self, mode: str, id_file: str, settings: Mapping[str, Any] | None = None, **options: Any) -> None:
        if mode == "offline":
            # This report is the only network traffic of offline mode.
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        # Offline, W&B's messages repeat the run's last lines; online they hold the dashboard's address.
        given = {key: value for key, value in (settings or {}).items() if value is not None}
        limits = {"init_timeout": SECONDS_TO_CONNECT, "finish_timeout": SECONDS_TO_FINISH}
        own = wandb.Settings(**{"silent": mode == "offline", **limits, **given})
        file = Path(id_file)
        known = read_id(file)
        if known is not None:
            options["id"] = known
            if is_first_process():
                _supersede(Path(options["save_dir"]) / WANDB, options["id"])
        elif is_first_process():
            options["id"] = _new_id()
            write_id(file, options["id"])
        super().__init__(mode=mode, settings=own, **options)
        # Lightning always passes this option, and W&B always warns of it.
        self._wandb_init.pop("anonymous", None)
        self.keeps_rows, self._lost = mode == "online", False

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

    @property
    def starting_step(self) -> int:
        """The first step that the W&B run lacks: 0 for a new run, and for each part of an offline run."""
        return int(self.experiment.starting_step)

    def send_row(self, step: int, row: Mapping[str, Any]) -> None:
        """Log one row under W&B's own step."""
        values = {
            key: [wandb.Image(value.pixels, caption=value.caption)] if isinstance(value, Picture) else value
            for key, value in row.items()
        }
        with self._unless_stopped():
            self.experiment.log({**values, "trainer/global_step": step}, step=step)

    def end(self, state: str) -> None:
        """End the W&B run, if it was started."""
        if self._experiment is not None:
            with self._unless_stopped():
                self.experiment.finish(exit_code=int(state != "finished"))

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


def _new_id() -> str:
    """Return the id of a new run: the one that the environment names, or a random one.

    Raises:
        ValueError: if the environment's cannot be one.
    """
    given = os.environ.get(RUN_ID_VARIABLE, "").strip()
    if given and not is_id(given):
        raise ValueError(f"{RUN_ID_VARIABLE}={given!r} is no id of a run; {IDS}")
    return given or secrets.token_hex(4)


def _supersede(folder: Path, run_id: str) -> None:
    for earlier in folder.glob(f"offline-run-*-{run_id}"):
        # W&B names folders by the second: two parts of a run that began in the same one have the same name.
        target, number = folder / f"{SUPERSEDED}{earlier.name}", 2
        while target.exists():
            target, number = folder / f"{SUPERSEDED}{earlier.name}-{number}", number + 1
        earlier.rename(target)
