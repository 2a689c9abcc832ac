"""Asks, before a run, whether the MLflow server is there and takes the credentials; how long MLflow waits for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

# As in step_mlflow: it must come before the import.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from zero_dce.connection import within_seconds
from zero_dce.train.loggers.mlflow_address import first_line, shown

# In seconds, for the question as a whole.
ANSWER_SECONDS = 5
ONE_TRY = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(ANSWER_SECONDS), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


def check_mlflow_server(uri: str) -> None:
    """Raise ConnectionError unless an MLflow server answers at an address.

    Raises:
        ConnectionError: if there is no answer in time, or it is not that of an MLflow server that takes the
            credentials; the message says what to do.
    """
    with one_try():
        try:
            within_seconds(lambda: MlflowClient(uri).search_experiments(max_results=1), ANSWER_SECONDS)
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
def one_try() -> Iterator[None]:
    """Let MLflow try each request once, and for seconds only; what the environment says of it comes back afterwards."""
    before = {name: os.environ.get(name) for name in ONE_TRY}
    os.environ.update(ONE_TRY)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
