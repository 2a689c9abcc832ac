"""The printed command that continues a run or a sweep says all that it needs."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.helpers.runs import run_here, tiny
from zero_dce.files import write_json
from zero_dce.train.command_line import check_quotes
from zero_dce.train.configuration import ALLOW_VARIABLE
from zero_dce.train.continuing import refused_again, resume_command, resume_sweep_command

OWN = "+callbacks.own={_target_:lightning.Callback}"
EVIL = "+callbacks.evil={_target_: os.mkdir, path: taken}"


@pytest.mark.skipif(os.name == "nt", reason="quotes are those of a POSIX shell")
@pytest.mark.parametrize("folder", ["/runs/train/now/0", "/my runs/0", "/a,b/0", "/a(b)=c/it's/0"])
def test_the_command_survives_shell_and_hydra(folder: str) -> None:
    words = shlex.split(resume_command(Path(folder), 6))
    assert words[:3] == ["python", "-m", "zero_dce.train"]
    check_quotes(words[3:])
    override = OverridesParser.create().parse_override(words[3])
    assert override.value() == folder
    assert words[4:] == ["trainer.max_steps=6"]


def test_a_sweep(tmp_path: Path) -> None:
    setup = "hydra.launcher.setup=[module load cuda]"
    root = "data.root='${oc.env:SCRATCH}'"
    plan = {"jobs": [["seed=1"], ["seed=2"]], "swept": ["seed"], "data": "sice", "flags": ["--config-dir", "mine"]}
    write_json(
        tmp_path / "sweep.json",
        {**plan, "overrides": ["seed=1,2", root], "hydra": ["hydra/launcher=slurm", setup]},
    )
    words = shlex.split(resume_sweep_command(tmp_path))
    assert words[3:] == [f"resume={tmp_path}", "--config-dir", "mine", root, setup]


def test_what_this_process_was_allowed_to_make_the_next_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_VARIABLE, "os")
    assert refused_again(["seed=1", EVIL]) == [EVIL]
    assert os.environ[ALLOW_VARIABLE] == "os"


def next_command(printed: str, start: str) -> list[str]:
    """Return the arguments of the command in the line that begins so."""
    (line,) = [line for line in printed.splitlines() if line.startswith(start)]
    return shlex.split(line.removeprefix(start))[3:]


def test_a_run_is_continued_as_often_as_one_likes(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a folder of own files and a class of one's own, by what is printed alone, from another working folder."""
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(
        "# @package _global_\nhydra: {job: {env_set: {MINE: a}}}\nseed: 5\n"
    )
    line = ["--config-dir", "own", "experiment=mine", OWN, "logger=csv", "trainer.max_steps=1"]
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *line)) == 0
    (tmp_path / "elsewhere").mkdir()
    for steps in (2, 4):
        monkeypatch.setenv(ALLOW_VARIABLE, "")
        command = next_command(capsys.readouterr().out, "Next, train on: ")
        assert command[1:] == [f"trainer.max_steps={steps}", "--config-dir", str(tmp_path / "own"), OWN]
        command[3] = "../own"
        assert run_here(monkeypatch, tmp_path / "elsewhere", *command) == 0


def test_a_run_of_a_sweep_is_trained_on(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of what a resumed sweep's folder has, only what a person gave is named: a run's own file may be anybody's."""
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    line = tiny(sice, OWN, "logger=csv", "trainer.max_steps=1", "seed=1,2", "hydra.sweep.dir=sweep", "-m")
    assert run_here(monkeypatch, tmp_path, *line) == 0
    command = next_command(capsys.readouterr().out, "Next, train the one you like on: ")
    assert command[1:] == ["trainer.max_steps=10", OWN]
    for stored in (tmp_path / "sweep").glob("*/.hydra/overrides.yaml"):
        stored.write_text(stored.read_text() + f"- '{EVIL}'\n")
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    assert run_here(monkeypatch, tmp_path, "resume=sweep", OWN) == 0
    command = next_command(capsys.readouterr().out, "Next, train the one you like on: ")
    assert command[1:] == ["trainer.max_steps=10", OWN]
