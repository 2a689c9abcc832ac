"""The printed command that continues a run or a sweep says all that it needs."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from tests.helpers.runs import run_here, tiny
from zero_dce.train.command_line import check_quotes
from zero_dce.train.configuration import ALLOW_VARIABLE, GIVEN_VARIABLE
from zero_dce.train.continuing import given_words, resume_command

OWN = "+callbacks.own={_target_:lightning.pytorch.callbacks.ModelSummary,max_depth:1}"
EVIL = "+callbacks.evil={_target_: os.mkdir, path: taken}"


@pytest.mark.skipif(os.name == "nt", reason="quotes are those of a POSIX shell")
@pytest.mark.parametrize("folder", ["/runs/train/now/0", "/my runs/0", "/a,b/0", "/a(b)=c/it's/0", "/rüns/0"])
def test_the_command_survives_shell_and_hydra(folder: str) -> None:
    words = shlex.split(resume_command(Path(folder), 6, given=["hydra.job.env_set={A: 'it is, = (odd)'}"]))
    assert words[:3] == ["python", "-m", "zero_dce.train"]
    check_quotes(words[3:])
    override = OverridesParser.create().parse_override(words[3])
    assert override.value() == folder
    assert words[4:] == ["hydra.job.env_set={A: 'it is, = (odd)'}", "trainer.max_steps=6"]


def test_what_this_process_was_allowed_to_make_the_next_one_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(ALLOW_VARIABLE, "os")
    store(tmp_path, "seed=1", EVIL)
    assert again(tmp_path, "seed=1", EVIL) == [EVIL]
    assert os.environ[ALLOW_VARIABLE] == "os"


PLAIN = [
    *("experiment=quick", "loss.weights.exp=3", "data.root=/a", "~callbacks.progress", "callbacks.washout=null"),
    *("logger=[wandb,csv]", "+sweep=loss_weights", "loss=paper", "+trainer.limit_val_batches=2"),
    *("hydra.run.dir=x", "hydra.mode=RUN", "hydra.verbose=true", "trainer.max_steps=4"),
]
NEEDED = [
    ["++trainer.log_every=5"],
    ["+note=baseline"],
    ["+callbacks.own={_target_:a.Own,depth:1}", "callbacks.own.depth=3"],
    ["hydra.searchpath=[/own]", "callbacks.mine.depth=3"],
    ["trainer.strategy=ddp_spawn"],
    ["++trainer.strategy.timeout.minutes=3"],
    ["trainer.devices=[[0]]"],
    ["data.root='${oc.env:SCRATCH}/sice'", "data.root=/b"],
    ["++loss.weights.tv=5", "loss.weights={tv:7}"],
    [f"++{'long' * 100}=1"],
    ["data.root='${oc.env:SCRATCH}/sice'"],
    ["hydra.job.chdir=true"],
    ["logger.wandb.save_dir=/elsewhere"],
]


def store(run: Path, *overrides: str) -> None:
    """Write the overrides of a run's task, as Hydra does."""
    (run / ".hydra").mkdir(parents=True, exist_ok=True)
    OmegaConf.save([text for text in overrides if not text.startswith(("hydra", "-"))], run / ".hydra/overrides.yaml")


def again(folder: Path, *given: str, steps: int | None = None) -> list[str]:
    """Return what is given again beside ``resume=``."""
    return shlex.split(resume_command(folder, steps, given))[4:]


@pytest.mark.parametrize("needed", NEEDED)
def test_what_a_folder_may_not_say_is_named(needed: list[str], tmp_path: Path) -> None:
    store(tmp_path, *PLAIN, *needed)
    assert again(tmp_path, *PLAIN, *needed) == needed
    assert again(tmp_path, *PLAIN) == []
    (tmp_path / "sweep.json").touch()
    assert again(tmp_path, *PLAIN, *needed) == needed


def test_files_of_ones_own(tmp_path: Path) -> None:
    flags, own = ["--config-dir", "/own", "--config-name", "mine"], "callbacks.mine.depth=3"
    store(tmp_path, "experiment=mine", own, "seed=1")
    assert again(tmp_path, *flags, "experiment=mine", own, "seed=1") == [*flags, own]


def test_steps_come_last(tmp_path: Path) -> None:
    """Of two values, Hydra takes the last."""
    given = ["trainer.max_steps='${oc.decode:${oc.env:STEPS}}'", "+note=a"]
    store(tmp_path, *given)
    assert again(tmp_path, *given, steps=8) == ["+note=a", "trainer.max_steps=8"]
    assert again(tmp_path, *given) == given


def test_only_a_sweep_is_launched(tmp_path: Path) -> None:
    setup = "hydra.launcher.setup=[module load cuda]"
    subdir = "hydra.sweep.subdir='${oc.env:USER}_${hydra.job.num}'"
    given = ["hydra/launcher=slurm", setup, "hydra.sweep.dir=x", subdir, "seed=1,2"]
    assert again(tmp_path, *given) == []
    (tmp_path / "sweep.json").touch()
    assert again(tmp_path, *given) == [setup, subdir]


def test_a_command_that_has_resumed_is_repeated(tmp_path: Path) -> None:
    given = ["--config-dir", "/own", f'resume="{tmp_path}"', "loss.weights.exp=5", "allow_targets=[a,b]", "seed=1,2"]
    assert again(tmp_path, *given) == [*given[:2], *given[3:]]
    # Of a run in it, options are in the run's folder.
    assert again(tmp_path / "0", *given) == [*given[:2], "allow_targets=[a,b]"]


def test_a_run_has_one_of_several_values(tmp_path: Path) -> None:
    """Its own, as Hydra has written it, and only if it was given; another value would be another run."""
    given = ["+note=a,b", "+other=range(1,4)", "+rate=1e-3", "++x.y=2", "+files=glob(*)"]
    assert again(tmp_path, *given) == []
    own = ["+note=b", "+other=3", "+rate=0.001"]
    store(tmp_path, *own, "+note=c", "seed=1", "++x.y=1", "+files=evil")
    assert again(tmp_path, *given) == own
    (tmp_path / ".hydra" / "overrides.yaml").write_text("{")
    assert again(tmp_path, *given) == [], "the command that continues it says what is wrong"


def test_what_was_given_is_what_hydra_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    assert given_words() == []
    settings = {
        "runtime": {"config_sources": [{"provider": "main", "path": "/conf"}]},
        "job": {"config_name": "config"},
        "overrides": {"hydra": ["hydra.mode=RUN"], "task": ["run_dir=${hydra.run.dir}"]},
    }
    assert given_words(OmegaConf.create(settings)) == ["hydra.mode=RUN", "run_dir=${hydra.run.dir}"]
    monkeypatch.setenv(GIVEN_VARIABLE, '["seed=1"]')
    assert given_words(OmegaConf.create(settings)) == ["seed=1"]


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
        "callbacks: {mine: {_target_: lightning.pytorch.callbacks.ModelSummary, max_depth: 1}}\n"
    )
    own = [
        "callbacks.mine.max_depth=3",
        "+note=a",
        OWN,
        "callbacks.own.max_depth=2",
        "++trainer.barebones=false",
    ]
    line = ["--config-dir", "own", "experiment=mine", *own, "logger=csv", "trainer.max_steps=1"]
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *line)) == 0
    (tmp_path / "elsewhere").mkdir()
    for steps in (2, 4):
        monkeypatch.setenv(ALLOW_VARIABLE, "")
        command = next_command(capsys.readouterr().out, "Next, train on: ")
        assert command[1:] == ["--config-dir", str(tmp_path / "own"), *own, f"trainer.max_steps={steps}"]
        command[2] = "../own"
        assert run_here(monkeypatch, tmp_path / "elsewhere", *command) == 0


def test_a_run_of_a_sweep_is_trained_on(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what a grid of one's own runs over. Of what its folder has, only what a person gave is named."""
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    (tmp_path / "own" / "sweep").mkdir(parents=True)
    (tmp_path / "own" / "sweep" / "mine.yaml").write_text(
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {++other: '3,2'}}}\n"
    )
    (tmp_path / "own" / "pages").mkdir()
    (tmp_path / "own" / "pages" / "a.yaml").write_text("x: 1\n")
    flags = ["--config-dir", str(tmp_path / "own")]
    given = [OWN, "+note=1e-3", "++trainer.strategy=auto"]
    line = [*flags, *given, "+sweep=mine", "+pages=glob(*)", "hydra.sweep.dir=sweep", "logger=csv"]
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *line, "trainer.max_steps=1")) == 0
    own = [OWN, "+note=0.001", "++trainer.strategy=auto", "++other=3", "+pages=a"]
    command = next_command(capsys.readouterr().out, "Next, train the one you like on: ")
    assert (command[1:3], sorted(command[3:-1])) == (flags, sorted(own))
    assert command[-1] == "trainer.max_steps=10"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    assert run_here(monkeypatch, tmp_path / "elsewhere", *command[:-1], "trainer.max_steps=2") == 0
    for stored in (tmp_path / "sweep").glob("*/.hydra/overrides.yaml"):
        stored.write_text(stored.read_text() + f"- '{EVIL}'\n")
    capsys.readouterr()
    monkeypatch.setenv(ALLOW_VARIABLE, "")
    assert run_here(monkeypatch, tmp_path, "resume=sweep", *flags, *given) == 0
    command = next_command(capsys.readouterr().out, "Next, train the one you like on: ")
    assert (command[1:3], sorted(command[3:-1])) == (flags, sorted(own[:3]))
