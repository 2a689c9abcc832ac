"""Asks, before a run, whether the MLflow server is there and takes the credentials: within seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread

# As in step_mlflow: it must come before the import.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from zero_dce.train.loggers.mlflow_address import shown
from zero_dce.train.loggers.step_mlflow import first_line

# In seconds, for the question as a whole: a name lookup without a network can hang longer than any socket's own limit.
ANSWER_SECONDS = 5
ONE_TRY = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(ANSWER_SECONDS), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


def check_mlflow_server(uri: str) -> None:
    """Raise ConnectionError unless an MLflow server answers at an address.

    Raises:
        ConnectionError: if there is no answer in time, or it is not that of an MLflow server that takes the
            credentials; the message says what to do.
    """
    future: Future[None] = Future()

    def ask() -> None:
        try:
            MlflowClient(uri).search_experiments(max_results=1)
            future.set_result(None)
        except Exception as error:
            future.set_exception(error)

    with _environment(ONE_TRY):
        Thread(target=ask, daemon=True).start()
        try:
            future.result(timeout=ANSWER_SECONDS)
        except (MlflowException, OSError) as error:
            raise ConnectionError(_explain(uri, error)) from error


def _explain(uri: str, error: MlflowException | OSError) -> str:
    if isinstance(error, MlflowException) and error.error_code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return (
            f"MLflow at {shown(uri)} refuses the credentials: set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    correct = "correct logger.mlflow.tracking_uri or MLFLOW_TRACKING_URI"
    # MLflow wraps the errors of the connection itself, whose messages are pages long.
    lower = next((e for e in (error, error.__cause__, error.__context__) if isinstance(e, OSError)), None)
    if lower is not None:
        reason = f"{type(lower).__name__} within {ANSWER_SECONDS} s"
        return f"MLflow at {shown(uri)} cannot be reached ({reason}): {correct}"
    return f"what answers at {shown(uri)} is no MLflow server ({first_line(error)}): {correct}"


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
