"""Whether the W&B server is there, against a small one on loopback."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.wandb_server import KEY, serve

CHECK = """
from zero_dce.connection import check_connection
check_connection()
"""


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
        environment = {**os.environ, "WANDB_BASE_URL": address, "WANDB_API_KEY": key, "HOME": str(tmp_path)} | {
            "PYTHONPATH": str(ROOT)
        }
        (tmp_path / "check.py").write_text(CHECK)
        command = ["script", "-qec", f"{sys.executable} {tmp_path / 'check.py'}", os.devnull]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    if message is None:
        assert done.returncode == 0, done.stdout
    else:
        assert done.returncode != 0
        assert re.search(message, done.stdout), done.stdout
