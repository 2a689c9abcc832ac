"""The command line of all subcommands, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.helpers.paths import ROOT


def test_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "zero_dce.review"]
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 100, "check": False}
    options["env"] = {**os.environ, "PYTHONPATH": str(ROOT)}
    bare = subprocess.run(command, cwd=tmp_path, **options)
    assert bare.returncode == 0
    for name in ("report", "pick", "rank", "dashboard"):
        assert name in bare.stdout
    wrong = subprocess.run([*command, "pick", "nowhere", "--step", "1"], cwd=tmp_path, **options)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("nowhere does not exist")
    assert "Traceback" not in wrong.stderr
