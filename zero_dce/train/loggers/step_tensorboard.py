"""TensorBoard with sample pictures, complete also for a run that was killed and resumed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from zero_dce.files import name_errors
from zero_dce.records.run import Rows
from zero_dce.train.loggers.tracker import Picture, Tracker, flat, logged_steps, saved_pictures

# TensorBoard reads each file whose name holds "tfevents".
EVENTS, SUPERSEDED_EVENTS = "events.out.tfevents.", "superseded.events."


class StepTensorBoardLogger(Tracker, TensorBoardLogger):
    """Lightning's TensorBoardLogger, which takes pictures too, and holds each step once after a run was resumed."""

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, metrics: dict[str, Any] | None = None, step: int | None = None
    ) -> None:
        """Begin the file of events with the configuration; earlier ones of the run are renamed.

        Lightning shows a configuration only together with a made-up measure of it, ``hp_metric``.
        """
        for file in Path(self.log_dir).glob(f"{EVENTS}*"):
            file.rename(file.with_name(SUPERSEDED_EVENTS + file.name.removeprefix(EVENTS)))
        settings = vars(params) if isinstance(params, Namespace) else params
        with self._naming_the_file():
            super().log_hyperparams(params, metrics, step)
            writer = self.experiment._get_file_writer()
            for summary in hparams(flat(settings), {}):  # type: ignore[no-untyped-call]
                writer.add_summary(summary)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add values at a step."""
        with self._naming_the_file():
            super().log_metrics(metrics, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left, and close the file."""
        with self._naming_the_file():
            super().finalize(status)

    @rank_zero_only
    def log_pictures(self, step: int, pictures: Mapping[str, Picture]) -> None:
        """Add pictures; TensorBoard has no place for their captions."""
        with self._naming_the_file():
            for key, picture in pictures.items():
                self.experiment.add_image(key, picture.pixels, step, dataformats="HWC")

    @rank_zero_only
    def replay(self, rows: Rows, run: Path, until: int) -> None:
        """Log what an earlier part of a resumed run has logged, as its own file of events may lack some of it."""
        for step in logged_steps(rows, run):
            if step <= until:
                self.log_metrics(rows.get(step, {}), step)
                self.log_pictures(step, saved_pictures(run, step))

    def close(self, state: str) -> None:
        """Do nothing more: Lightning has closed the file."""

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        """TensorBoard's thread writes the file, and what it was refused comes at a later call, without the file."""
        folder = Path(self.log_dir)
        with name_errors(folder, folder):
            try:
                yield
            except ValueError as error:
                # Lightning takes it for the fault of the value that is logged.
                if isinstance(error.__cause__, OSError):
                    raise error.__cause__ from None
                raise
