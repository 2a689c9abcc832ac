"""Whether an MLflow server answers, against small servers on loopback; a real one is in test_step_mlflow.py."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zero_dce.train.loggers import mlflow_server
from zero_dce.train.loggers.mlflow_server import check_mlflow_server


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """A server that has one answer; its address, with a password in it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://me:secret@127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_that_is_there() -> None:
    with answering(200, '{"experiments": []}') as address:
        check_mlflow_server(address)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, "who are you", "refuses the credentials: set MLFLOW_TRACKING_USERNAME"),
        (403, '{"error_code": "PERMISSION_DENIED", "message": "no"}', "refuses the credentials"),
        (404, "not here", "is no MLflow server .*error code 404.*correct logger.mlflow.tracking_uri"),
        (200, "<html>", "is no MLflow server"),
    ],
)
def test_wrong_answers(status: int, body: str, message: str) -> None:
    with answering(status, body) as address, pytest.raises(ConnectionError, match=message) as caught:
        check_mlflow_server(address)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_nobody_there() -> None:
    with pytest.raises(ConnectionError, match=r"MLflow at http://127.0.0.1:9 cannot be reached \(ConnectionError "):
        check_mlflow_server("http://me:secret@127.0.0.1:9")


def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_server, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=r"cannot be reached .*Timeout.* within 1 s"):
            check_mlflow_server(address)
