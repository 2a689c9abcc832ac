"""Running the command line in tests, small and quick."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra

from tests.helpers.processes import run_module
from zero_dce.train import __main__ as train

# Full float32 and one thread's order of sums: equal numbers on every machine.
TINY = [
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
    "trainer.max_steps=4",
    "every_n_steps=2",
    "data.size=16",
    "data.batch_size=2",
    "data.num_workers=0",
    "callbacks.samples.count=2",
    "callbacks.samples.longest=48",
    # Writing it takes seconds.
    "report_page=false",
]


def tiny(sice: Path, *overrides: str) -> list[str]:
    """Overrides of a quick run on a small data set in SICE's layout."""
    return [
        *TINY,
        "data=sice",
        f"data.root={sice}",
        "data.split.test_fraction=0.2",
        "data.val_fraction=0.3",
        *overrides,
    ]


def run_here(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    """Run the command line inside this process, with ``folder`` as working folder; returns the exit code."""
    GlobalHydra.instance().clear()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["zero_dce.train", *arguments])
    try:
        train.main()
    except SystemExit as stop:
        if isinstance(stop.code, str):
            # What the interpreter does with a message.
            print(stop.code, file=sys.stderr)
            return 1
        return int(stop.code or 0)
    return 0


def run_apart(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with ``folder`` as working folder."""
    return run_module("zero_dce.train", arguments, folder, environment)


def run_fresh(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person does: in an interpreter that starts anew, which takes seconds to import."""
    command = [sys.executable, "-m", "zero_dce.train", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )


def read_metrics(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def assert_same_losses(parts: Path, whole: Path) -> None:
    """Each step is there once, with the losses and measures of the run that was never stopped."""
    rows, expected = read_metrics(parts), read_metrics(whole)
    assert [row["step"] for row in rows] == [row["step"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        # A part that ends at a step is validated there, a run that goes on may not be.
        assert all(row[name] for name, value in other.items() if value), row["step"]
        for name, value in other.items():
            if value:
                assert float(row[name]) == pytest.approx(float(value), abs=1e-6, nan_ok=True), (row["step"], name)


def validated(run: Path) -> list[int]:
    """The steps at which a run was validated."""
    return [int(row["step"]) for row in read_metrics(run) if row["val/exp"]]


def read_result(run: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((run / "result.json").read_text())
    return result


def read_wandb(folder: Path) -> list[dict[str, Any]]:
    """All records of the one offline run below ``folder``, by W&B's own reader."""
    (run,) = folder.glob("offline-run-*")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return [json.loads(line) for line in output.splitlines()]


def wandb_rows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The logged rows, each a mapping from key to value."""
    return [record["history"]["item"] for record in records if record["type"] == "history"]


def only_run(folder: Path, kind: str = "train") -> Path:
    """The one run of the command line in a working folder."""
    (run,) = (folder / "runs" / kind).glob("*/0")
    return run
