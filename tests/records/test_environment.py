from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from zero_dce.files import read_json, write_json
from zero_dce.hardware import peak_memory_mb
from zero_dce.records.environment import describe_environment
from zero_dce.records.run import resume_command
from zero_dce.train.command_line import check_quotes


def test_json_is_valid_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": float("nan"), "y": [1.0, float("inf")], "z": "ä"})
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


@pytest.mark.skipif(os.name == "nt", reason="quotes are those of a POSIX shell")
@pytest.mark.parametrize("folder", ["/runs/train/now/0", "/my runs/0", "/a,b/0", "/a(b)=c/it's/0"])
def test_the_next_command_survives_shell_and_hydra(folder: str) -> None:
    words = shlex.split(resume_command(Path(folder), 6))
    assert words[:3] == ["python", "-m", "zero_dce.train"]
    check_quotes(words[3:])
    override = OverridesParser.create().parse_override(words[3])
    assert override.value() == folder
    assert words[4] == "trainer.max_steps=6"
