from __future__ import annotations

from pathlib import Path

import pytest

from zero_dce.records import growing
from zero_dce.records.growing import GrowingRows
from zero_dce.records.run import Rows, parse_rows, read_rows

HEADER = "step,train/total,val/psnr\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "metrics.csv"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many lines were parsed at each reading, without the names of the columns."""
    counts: list[int] = []

    def count(file: Path, lines: list[bytes]) -> Rows:
        counts.append(len(lines) - 1)
        return parse_rows(file, lines)

    monkeypatch.setattr(growing, "parse_rows", count)
    return counts


def test_only_new_lines_are_parsed(file: Path, parsed: list[int]) -> None:
    rows = GrowingRows(file.parent)
    assert rows.read() == {}
    file.write_text(HEADER)
    assert rows.read() == {}
    lines = [f"{step},{step / 8},\n" for step in range(1, 101)]
    for count in (40, 100):
        file.write_text(HEADER + "".join(lines[:count]))
        assert rows.read() == read_rows(file.parent)
    assert len(rows.read()) == 100
    assert parsed == [0, 40, 61, 1], "and the last line again, which may have got further values"


def test_a_line_without_its_end_is_left_for_later(file: Path) -> None:
    rows = GrowingRows(file.parent)
    file.write_text(f"{HEADER}1,0.5,\n2,0.2")
    assert rows.read() == {1: {"train/total": 0.5}}
    file.write_text(f"{HEADER}1,0.5,\n2,0.25,9\n")
    assert rows.read() == {1: {"train/total": 0.5}, 2: {"train/total": 0.25, "val/psnr": 9.0}}
    file.write_text("ste")
    assert rows.read() == {}, "not even the names are there"


def test_the_last_row_gets_its_measures(file: Path) -> None:
    rows = GrowingRows(file.parent)
    file.write_text(f"{HEADER}1,0.5,\n2,0.25,\n")
    rows.read()
    file.write_text(f"{HEADER}1,0.5,\n2,0.25,9\n3,0.125,\n")
    assert rows.read()[2] == {"train/total": 0.25, "val/psnr": 9.0}


@pytest.mark.parametrize(
    "replaced",
    [
        f"{HEADER}1,0.5,\n",  # a resumed run trains the last step again
        f"{HEADER}1,0.5,\n2,7,\n3,8,\n4,9,\n",
        "step,more,train/total,val/psnr\n1,4,0.5,\n2,4,0.25,\n3,4,0.125,\n",
        "",
    ],
)
def test_a_file_that_was_replaced_is_read_anew(file: Path, replaced: str) -> None:
    rows = GrowingRows(file.parent)
    file.write_text(f"{HEADER}1,0.5,\n2,0.25,\n3,0.125,\n")
    rows.read()
    file.write_text(replaced)
    assert rows.read() == (read_rows(file.parent) if replaced else {})
    file.write_text(f"{HEADER}1,0.5,\n2,0.25,\n3,0.125,\n")
    assert rows.read() == read_rows(file.parent)


def test_the_last_row_alone_may_go(file: Path) -> None:
    rows = GrowingRows(file.parent)
    file.write_text(f"{HEADER}1,0.5,\n2,0.25,\n")
    assert set(rows.read()) == {1, 2}
    file.write_text(f"{HEADER}1,0.5,\n")
    assert set(rows.read()) == {1}
    file.unlink()
    assert rows.read() == {}


def test_another_file_is_named(file: Path) -> None:
    rows = GrowingRows(file.parent)
    file.write_text(f"{HEADER}1,0.5,\n")
    rows.read()
    file.write_text(f"{HEADER}1,0.5,\n2,many,\n")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"metrics\.csv is not the table of a run .*many"):
            rows.read()
    file.write_text(f"{HEADER}1,0.5,\n2,0.25,\n")
    assert set(rows.read()) == {1, 2}
