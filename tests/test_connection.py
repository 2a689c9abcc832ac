"""Whether the W&B server is there, against a small one on loopback."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest

from tests.helpers.processes import exit_code, start_function
from tests.helpers.wandb_server import KEY, serve
from zero_dce.connection import check_connection, within_seconds

pytestmark = pytest.mark.slow


def check_in_a_terminal(environment: dict[str, str], printed: Path) -> None:
    """Ask the server in a process that has a terminal; what it prints there is left in a file."""
    os.environ.pop("WANDB_SERVICE", None)
    os.environ.update(environment)
    child, terminal = pty.fork()
    if child == 0:
        code = 0
        try:
            check_connection()
        except Exception:
            traceback.print_exc()
            code = 1
        sys.stderr.flush()
        os._exit(code)
    with printed.open("wb") as file, contextlib.suppress(OSError):
        # Reading fails when the other side is closed.
        while text := os.read(terminal, 4096):
            file.write(text)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


@pytest.mark.parametrize(
    ("key", "server_is", "message"),
    [
        ("", "there", "has no API key for http://127.0.0.1"),
        (KEY, "refusing", "refuses the API key"),
        (KEY, "silent", r"cannot be reached \(.*Timeout.* within 3 s"),
        (KEY, "a portal", r"is no W&B server \(status 200\)"),
        (KEY, "gone", r"cannot be reached \(ConnectionError"),
        ("too short", "there", "API key cannot be right"),
        (KEY, "there", None),
    ],
)
def test_the_server_is_asked_first(key: str, server_is: str, message: str | None, tmp_path: Path) -> None:
    """In a terminal, where W&B would ask for a key, and for a server that would hang its client for long."""
    with serve(refuses=server_is == "refusing", silent=server_is == "silent") as server:
        address = {"gone": "http://127.0.0.1:9", "a portal": f"{server.address}/login"}.get(server_is, server.address)
        environment = {"WANDB_BASE_URL": address, "WANDB_API_KEY": key, "HOME": str(tmp_path)}
        code = exit_code(start_function(check_in_a_terminal, environment, tmp_path / "printed.txt"))
    printed = (tmp_path / "printed.txt").read_text()
    if message is None:
        assert code == 0, printed
    else:
        assert code == 1
        assert re.search(message, printed), printed


def test_an_answer_an_error_or_no_answer_in_time() -> None:
    assert within_seconds(lambda: 5, 10) == 5
    with pytest.raises(ZeroDivisionError):
        within_seconds(lambda: 1 / 0, 10)
    never = threading.Event()
    with pytest.raises(TimeoutError):
        within_seconds(never.wait, 0.05)
    never.set()


def test_the_question_to_another_server_goes_without_wandb() -> None:
    code = "import sys, zero_dce.train.loggers.mlflow_server; assert 'wandb' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
