from __future__ import annotations

import subprocess
import sys

import pytest

from tests.endurance.bombs.read import BOMBS
from tests.helpers.paths import ROOT


@pytest.mark.slow
def test_small_files_take_little() -> None:
    """Ten seconds of processor time and 500 MB at most, whatever the file says; an error names the file."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.endurance.bombs.read"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=600)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    outcomes = {(row[0], row[1]): row[-1] for row in rows}
    expected = dict.fromkeys(((name, side) for name in BOMBS for side in ("enhancing", "training")), "passed")
    assert outcomes == expected, done.stdout + done.stderr
