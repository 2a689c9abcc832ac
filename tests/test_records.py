from __future__ import annotations

import json
from pathlib import Path

from zero_dce.hardware import peak_memory_mb
from zero_dce.records import describe_environment, read_json, write_json


def test_json_is_valid_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": [1.0, float("nan")], "z": "ä"})
    assert json.loads((tmp_path / "a.json").read_text(), parse_constant=None) == {"x": None, "y": [1.0, None], "z": "ä"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "b.json") is None


def test_environment_names_what_a_result_depends_on() -> None:
    environment = describe_environment("abc")
    assert environment["data_fingerprint"] == "abc"
    assert all(environment["versions"][name] for name in ("torch", "lightning", "hydra-core", "zero_dce"))
    assert environment["hardware"]["cores"] >= 1


def test_peak_memory_is_plausible() -> None:
    host = peak_memory_mb()["host"]
    assert host is None or 50 < host < 100_000
