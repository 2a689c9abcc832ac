from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.pictures import make_picture
from zero_dce.data.index import find_folder, read_pairs


def test_pairs(sice: Path) -> None:
    pairs = read_pairs(sice)
    assert pairs["Dataset_Part1/2/1.JPG"] == "Dataset_Part1/2/4.JPG"
    assert len(pairs) == 10


def make_low_and_high(root: Path, text: str, encoding: str = "utf-8") -> Path:
    for folder, brightness in (("low", 0.1), ("high", 0.5)):
        (root / folder).mkdir()
        make_picture(0, brightness).save(root / folder / "1.png")
    (root / "pairs.csv").write_text(text, encoding=encoding)
    return root


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("low,reference\nlow/1.png,high/1.png\n", "utf-8"),
        ("low,reference\nlow/1.png,high/1.png\n", "utf-8-sig"),
        ("scene,reference,low\n1,./high/1.png,low\\1.png\n", "utf-8"),
    ],
)
def test_ways_to_write_it(text: str, encoding: str, tmp_path: Path) -> None:
    root = make_low_and_high(tmp_path, text, encoding)
    assert read_pairs(root) == {"low/1.png": "high/1.png"}
    scenes = {entry.path: entry.scene for entry in find_folder(root).entries}
    assert scenes["low/1.png"] == scenes["high/1.png"], "both are on the same side of a split by scene"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dark,bright\na,b\n", "expected at least low and reference"),
        ("low,reference\na.png,b.png\n", r"names 2 files that do not exist, among them a\.png"),
        ("low,reference\nlow/1.png\n", "line 2: low or reference is empty"),
        ("", "expected at least low and reference"),
    ],
)
def test_wrong_pairs_are_refused(text: str, message: str, tmp_path: Path) -> None:
    assert read_pairs(tmp_path) == {}
    with pytest.raises(ValueError, match=message):
        read_pairs(make_low_and_high(tmp_path, text))
