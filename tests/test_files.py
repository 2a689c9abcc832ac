"""Files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

from zero_dce.files import read_json, write_json


def test_json_is_valid_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": [1.0, float("inf")], "z": "ä"})
    assert json.loads((tmp_path / "a.json").read_text(), parse_constant=None) == {"x": None, "y": [1.0, None], "z": "ä"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "b.json") is None
