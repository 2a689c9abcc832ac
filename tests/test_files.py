"""Files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zero_dce.files import read_json, sole_writer, write_json


def test_json_is_valid_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": [1.0, float("inf")], "z": "ä"})
    assert json.loads((tmp_path / "a.json").read_text(), parse_constant=None) == {"x": None, "y": [1.0, None], "z": "ä"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "b.json") is None


def test_one_process_at_a_time_writes_a_file(tmp_path: Path) -> None:
    """A second lock of this process counts as that of another one."""
    with sole_writer(tmp_path / "a.jpg"), sole_writer(tmp_path / "b.jpg"):
        with pytest.raises(ValueError, match=r"another process is writing .*a\.jpg"), sole_writer(tmp_path / "a.jpg"):
            pass
        with pytest.raises(ValueError, match="another process"), sole_writer(tmp_path / "a.jpg"):
            pass
    with sole_writer(tmp_path / "a.jpg"):
        pass
    assert not list(tmp_path.iterdir())
