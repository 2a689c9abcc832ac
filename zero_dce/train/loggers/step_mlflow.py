"""MLflow by training step: a store on disk or a server, complete also for a run that was killed and resumed."""

from __future__ import annotations

import logging
import os
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

# MLflow asks its makers' server for settings of its telemetry when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from omegaconf import OmegaConf

from zero_dce.files import one_at_a_time
from zero_dce.records.run import Rows
from zero_dce.train.loggers.mlflow_address import STORE, find_store, first_line, shown
from zero_dce.train.loggers.mlflow_parameters import parameters_of
from zero_dce.train.loggers.mlflow_server import one_try
from zero_dce.train.loggers.tracker import (
    Picture,
    StepRows,
    flat,
    is_id,
    logged_steps,
    read_ids,
    saved_pictures,
    write_id,
)

log = logging.getLogger(__name__)
# It says at each start that it makes its tables.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
# A run must not wait for a server that is gone: by default, each call would be tried for minutes.
HTTP_SETTINGS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
SECONDS_BETWEEN_TRIES = 60.0
# What one request may hold, and how long a parameter may be.
MOST_AT_ONCE, LONGEST_PARAMETER = 100, 6000
# The run's tag with the last step that is there with all of its numbers and pictures.
LAST_STEP_TAG = "last_step"
STATUS = {"finished": RunStatus.FINISHED, "interrupted": RunStatus.KILLED, "failed": RunStatus.FAILED}


class StepMLFlowLogger(StepRows):
    """An MLflow run with the metrics and the sample pictures of each training step.

    Lightning's MLFlowLogger is not used: it writes the store's address into the environment, where the next run of a
    process takes it for a choice, makes an experiment without regard to other runs that begin, and cannot continue a
    run whose parameters have changed.

    Where a server does not answer any more, training goes on. What it lacks is sent from the run's own files once it
    answers, or when the run is resumed.

    Args:
        tracking_uri: a server or a store; ``None`` takes ``MLFLOW_TRACKING_URI``, and where that is not set a store in
            ``save_dir``.
        save_dir: the folder of the store on disk.
        id_file: keeps the MLflow run's id, one for each store that has a part of it, so that a resumed run is the same
            MLflow run.
        experiment_name: of the experiment, which is made if it does not exist.
        run_name: of the run in it.
        parameters: the options that are the run's parameters, or parts of the configuration.
        chosen: overrides, whose options are parameters too: ``loss=paper``, ``loss.weights.exp=3``.
        tags: of the run.
    """

    service = "MLflow"

    def __init__(
        self,
        tracking_uri: str | None,
        save_dir: str,
        id_file: str,
        experiment_name: str,
        run_name: str,
        parameters: Sequence[str],
        chosen: Sequence[str],
        tags: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.uri, self.folder, self.id_file = find_store(tracking_uri, save_dir), Path(save_dir), Path(id_file)
        self.experiment_name, self.run_name = experiment_name, run_name
        self.parameters, self.chosen = tuple(parameters), tuple(chosen)
        self.tags = {key: str(value) for key, value in tags.items()}
        self.run_id: str | None = None
        self._client: MlflowClient | None = None
        # What the run's own files hold, to send again what did not arrive.
        self._rows: Rows = {}
        self._run = Path(id_file).parent
        self._sent, self._quiet_until = -1, 0.0
        # The next step may be there in part.
        self._begun = False

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.experiment_name

    @property
    def version(self) -> str:
        """Id of the MLflow run."""
        return self.run_id or ""

    @property
    @rank_zero_experiment
    def experiment(self) -> MlflowClient:
        """MLflow's client, once the run is started."""
        assert self._client is not None
        return self._client

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Start or continue the MLflow run: with its parameters, and the whole configuration as ``config.yaml``.

        MLflow never changes a parameter; after a resumed run with other ones, ``config.yaml`` is the newer.

        Raises:
            ConnectionError: if the store cannot be opened or the server does not answer.
        """
        for key, value in HTTP_SETTINGS.items():
            os.environ.setdefault(key, value)
        settings = vars(params) if isinstance(params, Namespace) else params
        try:
            with self._alone():
                self._client = MlflowClient(self.uri)
                known = self._start()
            wanted = parameters_of(flat(settings), self.parameters, self.chosen)
            new = [(key, value) for key, value in wanted.items() if key not in known]
            for at in range(0, len(new), MOST_AT_ONCE):
                self._log(params=[Param(key, value[:LONGEST_PARAMETER]) for key, value in new[at : at + MOST_AT_ONCE]])
            self.experiment.log_text(self.version, OmegaConf.to_yaml(OmegaConf.create(settings)), "config.yaml")
        except (MlflowException, OSError) as error:
            raise ConnectionError(
                f"MLflow at {shown(self.uri)} could not start the run: {first_line(error)}"
            ) from error

    @rank_zero_only
    def replay(self, rows: Rows, run: Path, until: int) -> None:
        """Send what an earlier part of a resumed run has logged; see :meth:`StepRows.replay`."""
        self._rows, self._run = rows, run
        super().replay(rows, run, until)

    def send_row(self, step: int, row: Mapping[str, Any]) -> None:
        """Send one row, and before it those that could not be sent when they were new."""
        if time.monotonic() >= self._quiet_until:
            with self._going_on(step):
                if self._quiet_until:
                    self._catch_up(step)
                else:
                    self._write(step, row)

    def end(self, state: str) -> None:
        """Set the MLflow run's status: finished, killed (if it was interrupted) or failed."""
        if self.run_id is None:
            return
        with self._going_on(None):
            if self._quiet_until:
                # The last row of a run that was stopped may lack its validation; see StepRows.close.
                self._catch_up(self._step if state == "finished" else self._step - 1)
            self.experiment.set_terminated(self.run_id, RunStatus.to_string(STATUS[state]))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other runs out while one makes the store on disk: two that make its tables at once both fail."""
        if not self._is_local():
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # A server needs no tables here, and may be used without the packages for them.
        from zero_dce.train.loggers.mlflow_store import ensure_store

        with one_at_a_time(self.folder / "mlflow"):
            ensure_store(self.folder / STORE)
            yield

    def _is_local(self) -> bool:
        return self.uri == find_store("", str(self.folder))

    def _start(self) -> Mapping[str, str]:
        """Continue the run whose id this store knows, or begin one, and return the parameters that it has."""
        ids = read_ids(self.id_file)
        found = next(filter(None, map(self._find_run, ids)), None)
        if found is not None:
            self.run_id, self._first = str(found.info.run_id), int(found.data.tags.get(LAST_STEP_TAG, -1)) + 1
            self._begun = True
            self.experiment.update_run(self.run_id, status=RunStatus.to_string(RunStatus.RUNNING))
            self._log(tags=[RunTag(key, value) for key, value in self.tags.items()])
            parameters: Mapping[str, str] = found.data.params
            return parameters
        if ids:
            unknown = ", ".join(ids)
            log.warning("MLflow at %s does not know the run %s: it gets the whole run anew", shown(self.uri), unknown)
        run = self.experiment.create_run(self._find_experiment(), tags=self.tags, run_name=self.run_name)
        self.run_id = str(run.info.run_id)
        if not is_id(self.run_id):
            raise ValueError(
                f"MLflow at {shown(self.uri)} gives a run the id {self.run_id!r}; expected letters and digits"
            )
        # The other ids are those of other stores, as where a run went on offline.
        write_id(self.id_file, "\n".join([*ids, self.run_id]))
        return {}

    def _find_run(self, run_id: str) -> Run | None:
        try:
            run: Run = self.experiment.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        return run

    def _find_experiment(self) -> str:
        """Return the experiment's id; several runs of a sweep may want to make it at once."""
        place = (self.folder.resolve() / "artifacts").as_uri() if self._is_local() else None
        try:
            return str(self.experiment.create_experiment(self.experiment_name, artifact_location=place))
        except MlflowException:
            found = self.experiment.get_experiment_by_name(self.experiment_name)
            if found is None or found.lifecycle_stage == "deleted":
                raise
            return str(found.experiment_id)

    def _catch_up(self, until: int) -> None:
        # A server that hangs would take the time of whole minutes from the training, again and again.
        with one_try():
            for step in logged_steps(self._rows, self._run):
                if max(self._first, self._sent + 1) <= step <= until:
                    self._write(step, {**self._rows.get(step, {}), **saved_pictures(self._run, step)})
        self._quiet_until = 0.0

    def _write(self, step: int, row: Mapping[str, Any]) -> None:
        now = int(time.time() * 1000)
        there = self._pictures_there(step) if self._begun else set()
        self._begun = True
        for key, value in row.items():
            if isinstance(value, Picture) and key not in there:
                self.experiment.log_image(self.version, value.pixels, key=key, step=step, synchronous=True)
        numbers = {key: float(value) for key, value in row.items() if not isinstance(value, Picture)}
        metrics = [Metric(key, value, now, step) for key, value in numbers.items()]
        self._log(metrics=metrics, tags=[RunTag(LAST_STEP_TAG, str(step))])
        self._sent, self._begun = step, False

    def _pictures_there(self, step: int) -> set[str]:
        """Return the keys of the pictures that a step has; the last file of each is its thumbnail."""
        names = (PurePosixPath(file.path).name for file in self.experiment.list_artifacts(self.version, "images"))
        parts = [name.split("+") for name in names if name.endswith(".webp")]
        return {key.replace("~", "/") for key, _, at, *_ in parts if at == str(step)}

    def _log(self, **entries: Any) -> None:
        self.experiment.log_batch(self.version, synchronous=True, **entries)

    @contextmanager
    def _going_on(self, step: int | None) -> Iterator[None]:
        """Let the run go on where the server fails; at the run's end, ``step`` is ``None``."""
        try:
            yield
        except (MlflowException, OSError) as error:
            where = f"MLflow at {shown(self.uri)} does not take the run"
            if step is None:
                log.warning("%s, and lacks what came after step %d: %s", where, self._sent, first_line(error))
            elif not self._quiet_until:
                log.warning("%s; it is tried again each minute from step %d: %s", where, step, first_line(error))
            self._quiet_until = time.monotonic() + SECONDS_BETWEEN_TRIES
