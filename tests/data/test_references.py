from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from zero_dce.data.dataset import Fit
from zero_dce.data.index import Frame, Index, find_references, find_sice, read_pairs
from zero_dce.data.survey import look_up, survey

FRAMES = [Frame(f"{scene}/{n}.JPG", scene) for scene in "ab" for n in (1, 2, 3)]
LIGHT = {"a/1.JPG": 0.1, "a/2.JPG": 0.43, "a/3.JPG": 0.58, "b/1.JPG": 0.24, "b/2.JPG": 0.26, "b/3.JPG": 0.9}


def test_the_best_exposed_frame_stands_for_a_missing_label() -> None:
    assert find_references(Index(FRAMES), LIGHT) == {"a/1.JPG": "a/2.JPG"}, "b has no well exposed frame"


def test_a_label_comes_first() -> None:
    index = Index(FRAMES, labels={"a": "Label/a.JPG", "b": "Label/b.JPG"})
    light = {**LIGHT, "Label/a.JPG": 0.5, "Label/b.JPG": 0.5}
    assert find_references(index, light) == {"a/1.JPG": "Label/a.JPG", "b/1.JPG": "Label/b.JPG"}
    del light["Label/a.JPG"]
    assert find_references(index, light)["a/1.JPG"] == "a/2.JPG", "a label that cannot be read is none"


def test_files_that_cannot_be_read_are_no_references() -> None:
    light = {path: value for path, value in LIGHT.items() if path != "a/2.JPG"}
    assert find_references(Index(FRAMES), light) == {"a/1.JPG": "a/3.JPG"}


def test_pairs_decide_where_there_are_any(sice: Path) -> None:
    index = find_sice(sice)
    light = {entry.path: 0.5 for entry in index.entries}
    assert find_references(index, light) == read_pairs(sice) == index.pairs
    del light["Dataset_Part1/2/4.JPG"]
    assert "Dataset_Part1/2/1.JPG" not in find_references(index, light)


@pytest.mark.shared
def test_the_rule_finds_the_pairs_of_real_scenes(shared: Path) -> None:
    """The list was made by others, who also looked at alignment; the rule agrees with it in nine of ten scenes."""
    root = shared / "data" / "sice_part1_subset"
    index = find_sice(root)
    files = [look_up(root, entry.path) for entry in index.entries]
    light = {record.path: record.brightness for record in survey(root, files, Fit(64).read, 2)}
    pairs = read_pairs(root)
    assert len(pairs) == 410
    found = find_references(replace(index, pairs={}), light)
    common = pairs.keys() & found.keys()
    assert len(common) > 0.95 * len(pairs)
    assert sum(pairs[path] == found[path] for path in common) > 0.9 * len(common)
