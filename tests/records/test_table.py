"""The table of a sweep: seeds joined, for a terminal and as CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.helpers.results import result
from zero_dce.files import write_json
from zero_dce.records.sweep import read_sweep
from zero_dce.records.table import format_table, group_seeds, write_csv


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


def test_csv_has_all_measures(folder: Path) -> None:
    write_csv(folder / "table.csv", read_sweep(folder))
    with (folder / "table.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0] == {
        "run": "0",
        "point": "exp=3 seed=1",
        "state": "finished",
        "step": "10",
        "spa": "1.0",
        "exp": "3",
        "col": "5.0",
        "tv": "200.0",
        "val/exp": "0.1",
        "val/psnr_gain": "3.0",
    }
    assert [row["state"] for row in rows] == ["finished", "finished", "failed", "unfinished", "not started"]
    assert rows[4]["val/exp"] == rows[4]["tv"] == ""


def test_the_weight_of_restoration_is_shown_where_there_is_one(folder: Path) -> None:
    restored = {"spa": 0.0, "exp": 0.0, "col": 0.0, "tv": 0.05, "rec": 10.0}
    write_json(folder / "1" / "result.json", {**result(), "weights": restored})
    lines = format_table(read_sweep(folder)).splitlines()
    assert " 1/3/5/200 " in lines[1]
    assert " 0/0/0/0.05 rec 10 " in lines[2]
    write_csv(folder / "table.csv", read_sweep(folder))
    with (folder / "table.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["rec"] for row in rows[:2]] == ["", "10.0"]


@pytest.mark.parametrize("point", ["=HYPERLINK(1)", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_no_text_is_a_formula(point: str, tmp_path: Path) -> None:
    """A spreadsheet would run one that somebody else's sweep has as the name of a run or of a measure."""
    row = {"run": 0, "point": point, "state": "=1", "step": -2, "weights": None, "measures": {point: -1.5, "val/a": 2}}
    write_csv(tmp_path / "table.csv", [row])
    with (tmp_path / "table.csv").open(newline="") as stream:
        heading, cells = csv.reader(stream)
    assert cells[:4] == ["0", f"'{point}", "'=1", "-2"], "numbers stay numbers"
    assert heading[-2:] == [f"'{point}", "val/a"]
    assert cells[-2:] == ["-1.5", "2"]
