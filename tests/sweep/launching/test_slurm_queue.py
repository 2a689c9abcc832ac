"""What is missing of SLURM, and what its commands tell."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.helpers.runs import run_here
from zero_dce.sweep.launching import slurm_queue
from zero_dce.sweep.launching.slurm_queue import QueuedJob

ON_SLURM = ["hydra/launcher=slurm", "hydra.sweep.dir=sweep", "hydra.mode=MULTIRUN"]


def test_commands_that_are_missing_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "squeue").touch(mode=0o755)
    assert run_here(monkeypatch, tmp_path, *ON_SLURM, "seed=1,2") == 1
    assert "needs sbatch, srun, scancel, scontrol in PATH" in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()


def test_without_submitit_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(slurm_queue, "NEEDED_COMMANDS", ())
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert run_here(monkeypatch, tmp_path, *ON_SLURM, "seed=1,2") == 1
    assert "pip install 'zero-dce-lightning[slurm]'" in capsys.readouterr().err


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **programs: str) -> None:
    """Have commands that print a text, or fail with it where it begins with an exclamation mark."""
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for name, text in programs.items():
        script = f"echo '{text[1:]}' >&2; exit 1" if text.startswith("!") else f"echo '{text}'"
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


def test_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, squeue="12 PENDING 0 \n12_3 RUNNING 1 n[1-2] \n9 TIMEOUT 0 n1")
    queue = slurm_queue.read_queue()
    assert queue == {
        "12": QueuedJob("PENDING", 0, ""),
        "12_3": QueuedJob("RUNNING", 1, "n[1-2]"),
        "9": QueuedJob("TIMEOUT", 0, "n1"),
    }
    assert [job.ended for job in queue.values()] == [False, False, True]
    install(tmp_path, monkeypatch, squeue="!first\nno route")
    with pytest.raises(ConnectionError, match="squeue says: no route"):
        slurm_queue.read_queue()


@pytest.mark.parametrize(
    ("told", "most"),
    [
        ("MaxArraySize            = 1001", 1001),
        ("MaxArraySize = 0", 1),
        ("x = 1", 1001),
        ("MaxArraySize = 9000\nSchedulerParameters = bf_window=1,max_array_tasks=70", 70),
    ],
)
def test_the_size_of_an_array(told: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, scontrol=f"AccountingStorage = none\n{told}\nMaxJobCount = 10000")
    assert slurm_queue.most_in_array() == most


def test_accounting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, sacct="REQUEUED\nCANCELLED by 0\n")
    assert slurm_queue.why_no_accounting() is None
    assert slurm_queue.accounted_state("12_3") == "CANCELLED"
    install(tmp_path, monkeypatch, sacct="!accounting storage is disabled")
    assert slurm_queue.why_no_accounting() == "sacct says: accounting storage is disabled"
    assert slurm_queue.accounted_state("12_3") is None


def test_arrays_are_cancelled_as_a_whole() -> None:
    assert slurm_queue.cancel_command(["12_0", "12_1", "14"]) == ["scancel", "12", "14"]
