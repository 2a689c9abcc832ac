"""The end of a sweep: its files and what is printed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.results import write_results
from zero_dce.sweep import end as sweep_end


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_results(tmp_path)


def test_finishing_writes_table_and_contact_sheet(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for run, value in (("0", 50), ("1", 200)):
        samples = folder / run / "samples" / "step-000010"
        samples.mkdir(parents=True)
        for name, level in (("00_input", 10), ("00_output", value)):
            Image.new("RGB", (40, 20), (level, level, level)).save(samples / f"{name}.png")
    sweep_end.finish_sweep(folder, in_turn=True)
    printed = capsys.readouterr().out
    assert "Run 2 failed: ValueError: no" in printed
    assert "mean ± standard deviation over seeds" in printed
    assert str(folder / "contact_sheet.png") in printed
    assert f"resume={folder / '0'}" in printed
    with (folder / "sweep.csv").open(newline="") as stream:
        assert [row["state"] for row in csv.DictReader(stream)][2] == "failed"
    with Image.open(folder / "contact_sheet.png") as sheet:
        levels = set(np.unique(np.asarray(sheet.convert("L"))))
    assert {10, 50, 200} <= levels, "input, and the output of both runs"


def test_a_large_sweep_has_no_contact_sheet(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "contact_sheet.png").touch()
    monkeypatch.setattr(sweep_end, "MOST_ON_SHEET", 4)
    sweep_end.finish_sweep(folder, in_turn=True)
    assert "More than 4 runs have no contact_sheet.png" in capsys.readouterr().out
    assert not (folder / "contact_sheet.png").exists(), "one of fewer runs, before the sweep was continued"
