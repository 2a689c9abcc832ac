from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zero_dce.files import write_json
from zero_dce.records.sweep import point_name, read_sweep, run_name
from zero_dce.records.table import format_table, group_seeds
from zero_dce.sweep import end as sweep_end

WEIGHTS = {"spa": 1.0, "exp": 3, "col": 5.0, "tv": 200.0}


def result(state: str = "finished", **measures: float) -> dict[str, Any]:
    named = {f"val/{name}": value for name, value in measures.items()}
    return {"state": state, "last_step": 10, "measures": named, "weights": WEIGHTS, "error": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep of two weights and two seeds: two runs finished, one failed, one was killed; a fifth never began."""
    jobs = [[f"loss.weights.exp={exp}", f"seed={seed}", "+sweep=x"] for exp in (3, 10) for seed in (1, 2)]
    jobs.append(["loss.weights.exp=30", "seed=1", "+sweep=x"])
    write_json(tmp_path / "sweep.json", {"jobs": jobs, "swept": ["loss.weights.exp", "seed"]})
    for number in range(4):
        (tmp_path / str(number)).mkdir()
    write_json(tmp_path / "0" / "result.json", result(psnr_gain=3.0, exp=0.1))
    write_json(tmp_path / "1" / "result.json", result(psnr_gain=5.0, exp=0.3))
    write_json(tmp_path / "2" / "result.json", {**result("failed"), "error": "ValueError: no"})
    return tmp_path


def test_every_run_of_the_plan_has_a_row(folder: Path) -> None:
    (folder / "3" / ".hydra").mkdir()
    (folder / "3" / ".hydra" / "overrides.yaml").write_text("- loss.weights.exp=11\n- seed=2\n")
    rows = read_sweep(folder)
    assert rows[3]["point"] == "exp=11 seed=2", "what the run was started with, not what was planned"
    assert [row["state"] for row in rows] == ["finished", "finished", "failed", "unfinished", "not started"]
    assert [row["point"] for row in rows][:2] == ["exp=3 seed=1", "exp=3 seed=2"]
    assert rows[0]["weights"] == WEIGHTS


def test_a_folder_that_is_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"sweep\.json does not exist"):
        read_sweep(tmp_path)


def test_seeds_are_grouped(folder: Path) -> None:
    first, second, _ = group_seeds(read_sweep(folder))
    assert (first["run"], first["point"], first["seeds"]) == ("0,1", "exp=3", 2)
    assert first["measures"]["val/psnr_gain"] == 4.0
    assert first["spread"]["val/psnr_gain"] == pytest.approx(2**0.5)
    assert second["measures"] == {}


def test_table_names_runs_weights_states_and_measures(folder: Path) -> None:
    lines = format_table(read_sweep(folder)).splitlines()
    assert lines[0].split()[:4] == ["run", "spa/exp/col/tv", "point", "state"]
    assert "gain dB" in lines[0]
    assert lines[1].split() == ["0", "1/3/5/200", "exp=3", "seed=1", "finished", "3", "0.1"]
    assert len(lines) == 6
    grouped = format_table(group_seeds(read_sweep(folder)))
    assert "4±1.4" in grouped


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


def test_names() -> None:
    swept = ["loss.weights.exp", "loss.weights"]
    assert point_name(["loss.weights.exp=3", "trainer.max_steps=5", "+sweep=x"], swept) == "exp=3"
    assert point_name(["loss.weights={exp:2.5,tv:200}"], swept) == "exp=2.5 tv=200"
    assert point_name(["data.split.seed=1"], ["data.split.seed"]) == "data.split.seed=1"


def test_run_names(folder: Path) -> None:
    (folder / "2" / ".hydra").mkdir()
    (folder / "2" / ".hydra" / "overrides.yaml").write_text("- loss.weights.exp=10\n- seed=1\n")
    assert run_name(folder / "2") == "exp=10 seed=1"
    assert run_name(folder / "other" / "0") == "other"
