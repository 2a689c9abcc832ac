from __future__ import annotations

from pathlib import Path

import pytest

from zero_dce.train.loggers.mlflow_address import URI_VARIABLE, find_store, first_line, is_server, shown


def test_what_is_given_then_the_environment_then_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    assert find_store(None, str(tmp_path)) == file
    monkeypatch.setenv(URI_VARIABLE, "http://host")
    assert find_store(None, str(tmp_path)) == "http://host"
    assert find_store("sqlite:///other.db", str(tmp_path)) == "sqlite:///other.db"
    assert find_store("", str(tmp_path)) == file


@pytest.mark.parametrize(
    ("uri", "server"),
    [("http://host", True), ("https://host", True), ("databricks", True), ("sqlite:///a.db", False), ("runs", False)],
)
def test_servers(uri: str, server: bool) -> None:
    assert is_server(uri) is server


@pytest.mark.parametrize(
    ("uri", "safe"),
    [
        ("https://me:secret@host:1/x", "https://host:1/x"),
        ("postgresql://me:se@cret@host/db", "postgresql://host/db"),
        ("sqlite:////a/b@c.db", "sqlite:////a/b@c.db"),
        ("databricks", "databricks"),
    ],
)
def test_no_password_is_shown(uri: str, safe: str) -> None:
    assert shown(uri) == safe


def test_a_message_without_passwords() -> None:
    assert first_line(OSError("GET http://me:secret@host/x failed\nmore")) == "GET http://host/x failed"
    assert first_line(OSError()) == "OSError"
