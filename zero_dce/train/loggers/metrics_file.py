"""The metrics.csv that every run keeps."""

from __future__ import annotations

import csv
import logging
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import Logger

from zero_dce.files import atomic
from zero_dce.records.run import METRICS, Rows, read_rows
from zero_dce.terminal import explain

log = logging.getLogger(__name__)

# A long run has thousands of rows, and each save writes all of them and waits for the disk. Saves between checkpoints
# are at least so far apart, and so many times as far as the last one took; but on a slow disk not farther than this.
SECONDS_BETWEEN_SAVES, TIMES_BETWEEN_SAVES, MOST_SECONDS_BETWEEN_SAVES = 2.0, 300, 60.0


class MetricsFile(Logger):
    """Write ``metrics.csv``: a row per training step, a column per metric; continued when a run is resumed.

    The file is replaced as a whole, so it is never half-written.

    Args:
        folder: the run's folder.
        from_step: rows up to this step are taken over from an earlier part of the run; later ones are trained again.
    """

    def __init__(self, folder: str, from_step: int = 0) -> None:
        super().__init__()
        self.file = Path(folder) / METRICS
        self.rows: Rows = {step: row for step, row in read_rows(Path(folder)).items() if step <= from_step}
        self._next, self._refused = 0.0, False

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "metrics"

    @property
    def version(self) -> str:
        """There is one file, without versions."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add values to the row of a step."""
        self.rows.setdefault(int(step or 0), {}).update(metrics)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The configuration is in ``.hydra``."""

    @rank_zero_only
    def save(self) -> None:
        """Write the file, unless it was written a moment ago; the Trainer asks for it after each row."""
        if time.monotonic() > self._next:
            self.write_if_allowed()

    def write_if_allowed(self) -> bool:
        """Write the file now, and tell whether that was allowed; where it was not, a warning says so once."""
        try:
            self.write()
        except PermissionError as error:
            # Windows does not replace a file that a spreadsheet has open; a later save will.
            if not self._refused:
                log.warning("%s. It is written as soon as that is possible", explain(error))
            self._refused = True
            return False
        return True

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.write()

    def write(self) -> None:
        """Write the file now."""
        if not self.rows:
            return
        began = time.monotonic()
        columns = sorted({name for row in self.rows.values() for name in row})
        with atomic(self.file) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ["step", *columns])
            writer.writeheader()
            writer.writerows({"step": step, **self.rows[step]} for step in sorted(self.rows))
        ended = time.monotonic()
        pause = max(SECONDS_BETWEEN_SAVES, TIMES_BETWEEN_SAVES * (ended - began))
        self._next = ended + min(pause, MOST_SECONDS_BETWEEN_SAVES)
