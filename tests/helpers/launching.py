"""Sweeps of three runs, the states that they leave, and their command line in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.paths import ROOT
from tests.helpers.processes import Command
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


def start(folder: Path, *arguments: str) -> Command:
    """Start the command line as a terminal would: in a process group of its own."""
    return Command("zero_dce.train", arguments, folder, {"PYTHONPATH": str(ROOT)})
