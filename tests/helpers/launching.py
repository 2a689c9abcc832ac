"""Sweeps of three runs, the states that they leave, and their command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.helpers.paths import ROOT
from tests.helpers.runs import tiny
from zero_dce.records.sweep import read_sweep

TWO = ("trainer=ddp", "trainer.devices=2", "data.batch_size=1")
TROUBLE = "+callbacks.trouble={_target_:tests.helpers.trouble."


def three_runs(sice: Path, *overrides: str) -> list[str]:
    """A sweep of three runs into the folder ``sweep``."""
    return tiny(
        sice, "+sweep=loss_weights", "loss.weights.exp=3,10,30", "loss.weights.tv=200", "logger=csv", *overrides
    )


def states(folder: Path) -> list[str]:
    return [row["state"] for row in read_sweep(folder)]


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command line as a terminal would: in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "zero_dce.train", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(what: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Return when something is there; the process must go on until then."""
    while not what():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
