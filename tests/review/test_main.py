"""The command line of all subcommands: in a process of its own, and where files are not what they should be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.sweeps import SweepMaker, make_pictures
from zero_dce.files import write_json
from zero_dce.review.__main__ import main


def run_review(folder: Path, *arguments: object, code: str = "") -> subprocess.CompletedProcess[str]:
    start = ["-c", code] if code else ["-m", "zero_dce.review"]
    options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 100, "check": False}
    options["env"] = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *start, *map(str, arguments)], cwd=folder, **options)


def test_the_command_line(tmp_path: Path) -> None:
    bare = run_review(tmp_path)
    assert bare.returncode == 0
    for name in ("report", "serve", "pick", "rank", "dashboard"):
        assert name in bare.stdout
    wrong = run_review(tmp_path, "pick", "nowhere", "--step", "1")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("nowhere does not exist")
    assert "Traceback" not in wrong.stderr


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """One run, an earlier pick, and votes."""
    maker = SweepMaker(tmp_path / "sweep", [{"exp": 3}], make_pictures(1))
    run = maker.run(0, [10])
    write_json(run / "environment.json", {"data_fingerprint": "abc", "versions": {}})
    (maker.folder / "picked").mkdir()
    origin = {"run": "0", "name": "exp=3", "step": 10, "picked_at": "2026-01-01"}
    write_json(maker.folder / "picked" / "origin.json", origin)
    write_json(maker.folder / "votes.json", {"candidates": [], "votes": []})
    return maker.folder


# Importing any of them fails, as if it were not installed.
WITHOUT_HEAVY = """
import sys
sys.modules.update(dict.fromkeys(("torch", "lightning", "wandb", "torchvision", "scipy", "imagecodecs")))
from zero_dce.review.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--step", 10], "nowhere does not exist"),
        (["sweep", "--run", 7, "--step", 10], "--run 7: there is no such run; sweep holds: 0 (exp=3)"),
        (["sweep", "--run", 0, "--step", 11], "has no checkpoint of step 11; there are: 10"),
        (["sweep", "--run", 0, "--step", 10], "picked already holds run 0 (exp=3) at step 10, picked 2026-01-01"),
        (["sweep/0", "--run", 0, "--step", 10], "sweep/0 is the folder of a single run: leave out --run 0"),
    ],
)
def test_a_mistake_in_a_pick_is_told_before_anything_heavy_is_imported(
    arguments: list[object], message: str, sweep: Path
) -> None:
    done = run_review(sweep.parent, "pick", *arguments, code=WITHOUT_HEAVY)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


COMMANDS = {
    "report": ["report", "."],
    "pick": ["pick", ".", "--run", "0", "--step", "10", "--no-upload", "--output", "new"],
    "pick again": ["pick", ".", "--run", "0", "--step", "10", "--no-upload"],
    "rank": ["rank", "votes.json"],
}
# Which command reads which file.
READ = [
    ("report", "sweep.json"),
    ("report", "0/result.json"),
    ("report", "0/metrics.csv"),
    ("report", "0/.hydra/overrides.yaml"),
    ("pick", "sweep.json"),
    ("pick", "0/environment.json"),
    ("pick", "0/.hydra/config.yaml"),
    ("pick again", "picked/origin.json"),
    ("rank", "votes.json"),
]
OTHER_CONTENT = {"list": b"[1]", "number": b"7", "keys": b'{"a": 1}', "text": b": hello [", "binary": b"\xff\xfe\0\1\0"}


@pytest.mark.parametrize(("command", "name"), READ)
def test_a_file_of_another_kind_is_named(command: str, name: str, sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sweep)
    for kind, content in OTHER_CONTENT.items():
        # A list and keys are what these two files are made of.
        if (Path(name).name, kind) in {("overrides.yaml", "list"), ("config.yaml", "keys")}:
            continue
        Path(name).write_bytes(content)
        with pytest.raises(SystemExit) as stop:
            main(COMMANDS[command])
        assert isinstance(stop.value.code, str), "a message, and so the exit code 1"
        assert name in stop.value.code, kind
        assert "expected" in stop.value.code
    assert not Path("new").exists()
