"""Benchmarks take too long for tests, but what they call must be there."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.py")))
def test_a_benchmark_finds_what_it_calls(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As for a script that is run: its own folder comes first.
    monkeypatch.syspath_prepend(str(FOLDER))
    before = {*sys.modules}
    try:
        assert importlib.import_module(name).__doc__
    finally:
        for added in {*sys.modules} & {name, "publishing"} - before:
            del sys.modules[added]


def test_a_folder_without_photographs_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    program = [sys.executable, FOLDER / "train_step.py", "--data", tmp_path]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (1, f"no JPEG files in {tmp_path}: expected photographs to decode\n")
