"""Loggers: W&B whose slider is the training step, and the metrics.csv that every run keeps."""

from __future__ import annotations

import contextlib
import csv
import os
import secrets
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import wandb
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import Logger, WandbLogger

from zero_dce.records import is_first_process

# A long run has thousands of rows, all written each time.
SECONDS_BETWEEN_SAVES = 2.0


class StepWandbLogger(WandbLogger):
    """Lightning's WandbLogger, with W&B's own step equal to the training step.

    The media slider of the dashboard follows W&B's own step. All rows of a training step (losses, validation,
    pictures) become one row. Rows must come in the order of steps.

    Args:
        mode: ``offline`` needs no account and no network and never asks; ``online`` sends while training.
        id_file: keeps the W&B run's name-independent id, so that a resumed run continues the same W&B run.
        options: those of ``WandbLogger``.
    """

    def __init__(self, mode: str, id_file: str, **options: Any) -> None:
        if mode == "offline":
            # The only network traffic of offline mode.
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        # Offline, W&B's messages repeat what the run's last lines say; online they hold the dashboard's address.
        settings = wandb.Settings(silent=mode == "offline")
        file = Path(id_file)
        if file.is_file():
            options |= {"id": file.read_text(encoding="utf-8").strip(), "resume": "allow"}
        elif is_first_process():
            options["id"] = secrets.token_hex(4)
            file.write_text(options["id"] + "\n", encoding="utf-8")
        super().__init__(mode=mode, settings=settings, **options)
        # Lightning always passes it, W&B always warns of it.
        self._wandb_init.pop("anonymous", None)

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Log a row under a training step."""
        self.experiment.log({**metrics, "trainer/global_step": step}, step=step)


class MetricsFile(Logger):
    """Write ``metrics.csv``: a row a training step, a column a metric; continued when a run is resumed.

    The file is replaced as a whole, so it is never half-written.

    Args:
        folder: the run's folder.
        from_step: rows up to this step are taken over from an earlier part of the run; later ones are trained again.
    """

    def __init__(self, folder: str, from_step: int = 0) -> None:
        super().__init__()
        self.file = Path(folder) / "metrics.csv"
        self._rows = {step: row for step, row in _read_rows(self.file).items() if step <= from_step}
        self._saved = 0.0

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "metrics"

    @property
    def version(self) -> str:
        """There is one file, without versions."""
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> MetricsFile:
        """The logger itself."""
        return self

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add values to the row of a step."""
        self._rows.setdefault(int(step or 0), {}).update(metrics)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The configuration is in ``.hydra``."""

    @rank_zero_only
    def save(self) -> None:
        """Write the file, unless it was written a moment ago; the Trainer asks for it after each row."""
        if self._rows and time.monotonic() - self._saved > SECONDS_BETWEEN_SAVES:
            # On Windows a file that is open in a spreadsheet cannot be replaced; the next time will do.
            with contextlib.suppress(PermissionError):
                self._write()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        if self._rows:
            self._write()

    def _write(self) -> None:
        columns = sorted({name for row in self._rows.values() for name in row})
        unfinished = self.file.with_suffix(".unfinished")
        with unfinished.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ["step", *columns])
            writer.writeheader()
            writer.writerows({"step": step, **self._rows[step]} for step in sorted(self._rows))
        os.replace(unfinished, self.file)
        self._saved = time.monotonic()


def _read_rows(file: Path) -> dict[int, dict[str, Any]]:
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {int(row.pop("step")): {name: value for name, value in row.items() if value} for row in rows}
