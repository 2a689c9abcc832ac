"""Trackio by training step, in its store on disk, complete also for a run that was killed and resumed."""

from __future__ import annotations

import contextlib
import io
import re
import uuid
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trackio
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from trackio.run import Run
from trackio.sqlite_storage import SQLiteStorage

from zero_dce.train.loggers.tracker import Picture, StepRows, read_id, write_id

ALERT_LEVELS = {
    "finished": trackio.AlertLevel.INFO,
    "interrupted": trackio.AlertLevel.WARN,
    "failed": trackio.AlertLevel.ERROR,
}


class _LocalRun(Run):
    """A run in the store on disk; Trackio would ask Hugging Face whose it is if its token is there."""

    def _get_username(self) -> str | None:
        return None


class StepTrackioLogger(StepRows):
    """A Trackio run with the metrics and the sample pictures of each training step.

    Everything goes to Trackio's store on disk (``TRACKIO_DIR``), and nothing into a network: no server is started,
    and ``trackio sync`` sends a project to a Hugging Face Space later. The run's end is an alert, as Trackio has no
    state of runs.

    Args:
        project: runs of one project are compared with each other; characters that Trackio does not take become ``-``.
        name: of the run in it.
        id_file: keeps the run's id, so that a resumed run is the same Trackio run.
        tags: kept in the run's configuration.

    Raises:
        ValueError: if the project cannot have this name.
    """

    service = "Trackio"

    def __init__(self, project: str, name: str, id_file: str, tags: list[str]) -> None:
        super().__init__()
        self.project, self.run_name = re.sub(r"[^A-Za-z0-9_-]+", "-", project), name
        SQLiteStorage.validate_project_name(self.project)
        self.id_file, self.tags = Path(id_file), list(tags)
        self._run: Run | None = None

    @property
    def name(self) -> str:
        """Name of the project."""
        return self.project

    @property
    def version(self) -> str:
        """Id of the Trackio run."""
        return self.experiment.id if self._run is not None else ""

    @property
    @rank_zero_experiment
    def experiment(self) -> Run:
        """Trackio's run, once it is started."""
        assert self._run is not None
        return self._run

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Start or continue the Trackio run, with its configuration."""
        settings = vars(params) if isinstance(params, Namespace) else params
        run_id = read_id(self.id_file) or uuid.uuid4().hex
        # A process that is killed after it has begun the run leaves its id.
        write_id(self.id_file, run_id)
        last = SQLiteStorage.get_max_step_for_run(self.project, self.run_name, run_id=run_id)
        self._first = 0 if last is None else last + 1
        # trackio.init finds a run by its name, which those of several folders share, and takes servers from the
        # environment.
        self._run = _LocalRun(
            url=None,
            project=self.project,
            client=None,
            name=self.run_name,
            run_id=run_id,
            config={**settings, "tags": self.tags},
            initial_last_step=last,
        )

    def send_row(self, step: int, row: Mapping[str, Any]) -> None:
        """Log one row."""
        values = {
            key: trackio.Image(value.pixels, caption=value.caption) if isinstance(value, Picture) else value
            for key, value in row.items()
        }
        self.experiment.log(values, step=step)

    def end(self, state: str) -> None:
        """End the Trackio run with an alert that says how."""
        if self._run is None:
            return
        # Both print what the run's own last lines say.
        with contextlib.redirect_stdout(io.StringIO()):
            self.experiment.alert(f"run {state}", level=ALERT_LEVELS[state], step=self._step)
            self.experiment.finish()
