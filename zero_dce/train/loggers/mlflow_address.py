"""Which MLflow store a run is logged to, known before MLflow is imported, which takes seconds."""

from __future__ import annotations

import os
import re
from pathlib import Path

# The store on disk, in the folder that is given.
STORE_FILE = "mlflow.db"
URI_VARIABLE = "MLFLOW_TRACKING_URI"
# How the addresses of servers begin, which can be out of reach.
SERVERS = ("http://", "https://", "databricks")


def find_store(tracking_uri: str | None, save_dir: str) -> str:
    """Return the address of the store: as given, from the environment, or that of a database file in ``save_dir``.

    An empty ``tracking_uri`` takes the file whatever the environment says. MLflow keeps no runs in plain folders any
    more unless it is told to.
    """
    file = (Path(save_dir).resolve() / STORE_FILE).as_posix()
    given = os.environ.get(URI_VARIABLE) if tracking_uri is None else tracking_uri
    return given or f"sqlite:///{file}"


def is_server(uri: str) -> bool:
    """Tell whether an address is that of a server."""
    return uri.startswith(SERVERS)


def shown(uri: str) -> str:
    """Return an address as it may be shown: without the name and the password that it may hold.

    >>> shown("https://me:secret@mlflow.example.org/x")
    'https://mlflow.example.org/x'
    """
    scheme, separator, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, without passwords: MLflow appends statements and pages of advice."""
    return re.sub(r"//[^/@\s]+@", "//", str(error) or type(error).__name__).partition("\n")[0]
