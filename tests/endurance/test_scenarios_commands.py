"""Some of the trials that ``python -m tests.endurance.crash`` makes of the commands that are no sweep."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler, gcc")]
# Those that are quick to prepare.
SCENARIOS = ("export_ncnn", "space", "completion")
FAULTS = ("kill", "disk full")


def test_commands_that_are_disturbed_go_on_as_if_nothing_had_been() -> None:
    chosen = [text for name in SCENARIOS for text in ("--scenario", name)]
    chosen += [text for fault in FAULTS for text in ("--fault", fault)]
    command = [sys.executable, "-m", "tests.endurance.crash", *chosen, "--most", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 trials, 6 passed" in done.stdout
