"""What is refused before a run, most of it before anything is imported that takes seconds."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from tests.helpers.hub_server import HubServer, environment, serve_hub
from tests.helpers.paths import ROOT
from tests.helpers.processes import Command, wait_for
from tests.helpers.runs import assert_same_losses, read_metrics, run_apart, run_here, tiny
from tests.train.test_configuration import composed
from zero_dce.checks import OPTION_VALUES, Flag, Number, OneOf
from zero_dce.networks import DCENet, save_weights
from zero_dce.train.preflight import check_configuration, expand_home, own_folder
from zero_dce.weights import WEIGHTS_FILE

# The names of the slow packages that a command has imported by its end.
LOADED = """
import atexit, runpy, sys
sys.argv = ["zero_dce.train", *sys.argv[1:]]
atexit.register(lambda: print("loaded:", *(n for n in ("torch", "lightning", "wandb", "PIL") if n in sys.modules)))
runpy.run_module("zero_dce.train", run_name="__main__", alter_sys=True)
"""


def wrong(allowed: Number | OneOf | Flag) -> object:
    """A value just outside what is allowed."""
    if isinstance(allowed, Number):
        return allowed.least if allowed.open_ else math.floor(allowed.least) - 1
    return "nonsense"


@pytest.mark.parametrize("name", OPTION_VALUES)
def test_every_option_is_checked(name: str) -> None:
    config = composed("data=folder", "data.root=.", "logger=wandb_online", "loss=adaptive")
    check_configuration(config, [])
    assert OmegaConf.select(config, name, default="absent") != "absent" or name == "data.split.seed", "it exists"
    OmegaConf.update(config, name, wrong(OPTION_VALUES[name]), force_add=True)
    with pytest.raises(ValueError, match=rf"^{name} is .*; expected "):
        check_configuration(config, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--help"], "Use --hydra-help"),
        (["loss.weights.expo=1"], "there is no option loss.weights.expo: did you mean loss.weights.exp?"),
        (["+loss.weights.expo=1"], "there is no option loss.weights.expo: did you mean loss.weights.exp?"),
        (["model.learning_rate=0"], "model.learning_rate is 0; expected"),
        (["data=sice", "data.root=~/nowhere"], "the folder {home}/nowhere does not exist"),
        (["resume=nowhere"], "nothing to resume"),
        (["loss.weights.expo=1,10", "-m"], "did you mean loss.weights.exp?"),
        (["loss.weights.exp=1,10,-1", "-m", "hydra.sweep.dir=D"], "loss.weights.exp is -1; expected"),
    ],
)
@pytest.mark.slow
def test_a_mistake_waits_for_no_import(arguments: list[str], message: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOADED, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert message.format(home=os.environ["HOME"]) in done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"
    assert done.returncode == (0 if arguments == ["--help"] else 1)
    for noise in ("full_key", "Traceback", "Error executing", "HYDRA_FULL_ERROR", "Error:"):
        assert noise not in done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing is written"


def test_a_whole_grid_is_checked_before_its_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = ["data=sample", "seed=1,2,3", "data.augment.exposure_ev=0,9", "-m", "hydra.sweep.dir=D"]
    assert run_here(monkeypatch, tmp_path, *grid) == 1
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "data.augment.exposure_ev is 9; expected a finite number of at least 0 and at most 4.0",
        "This is run 1 of the sweep: data=sample seed=1 data.augment.exposure_ev=9",
    ]
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_home_is_expanded_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    config = OmegaConf.create({"a": "~/x", "b": {"c": ["~", "~/y/z", "a~/b", 3]}, "d": "${a}", "e": "???", "f": None})
    OmegaConf.set_struct(config, True)
    OmegaConf.set_readonly(config, True)
    expand_home(config)
    assert OmegaConf.to_container(config, throw_on_missing=False) == {
        "a": "/home/me/x",
        "b": {"c": ["/home/me", "/home/me/y/z", "a~/b", 3]},
        "d": "${a}",
        "e": "???",
        "f": None,
    }
    assert config.d == "/home/me/x"


def test_a_used_folder_is_not_overwritten(
    finished: Path, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (finished / "result.json").read_text()
    assert run_here(monkeypatch, tmp_path, *tiny(sice, f"hydra.run.dir={finished}")) == 1
    assert "already holds a run" in capsys.readouterr().err
    assert (finished / "result.json").read_text() == before


@pytest.mark.slow
def test_runs_that_start_at_once_have_folders_of_their_own(sice: Path, tmp_path: Path) -> None:
    given = tiny(sice, "logger=csv")
    commands = [Command("zero_dce.train", [*given, f"seed={seed}"], tmp_path) for seed in range(4)]
    assert [command.wait() for command in commands] == [0] * 4
    runs = list((tmp_path / "runs" / "train").glob("*/0"))
    assert len(runs) == len(list((tmp_path / "runs" / "train").iterdir())) == 4
    assert len({str(read_metrics(run)) for run in runs}) == 4, "each with its own seed's numbers"
    assert [len(read_metrics(run)) for run in runs] == [len(read_metrics(runs[0]))] * 4


@pytest.mark.slow
def test_one_folder_has_one_owner(sice: Path, tmp_path: Path) -> None:
    """A second run is refused while the first one lives; of one that was killed, the folder is free at once."""
    given = tiny(sice, "logger=csv", "hydra.run.dir=mine/0", "trainer.max_steps=100000")
    last = tmp_path / "mine" / "0" / "checkpoints" / "last.ckpt"
    first = Command("zero_dce.train", given, tmp_path)
    wait_for(last.exists, [first])
    for second in (given, ["resume=mine/0"]):
        refused = run_apart(tmp_path, *second)
        assert refused.returncode == 1
        assert refused.stderr.startswith("another process is writing to "), refused.stderr
        assert refused.stderr.endswith("wait until it has ended, or end it first, or choose another hydra.run.dir\n")
    assert first.poll() is None
    first.kill()
    assert len(refused.stderr.splitlines()) == 1
    steps = len(read_metrics(tmp_path / "mine" / "0")) + 20
    assert run_apart(tmp_path, "resume=mine/0", f"trainer.max_steps={steps}").returncode == 0


def test_a_folder_without_its_lock_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("zero_dce.train.preflight.sole_owner", refuse)
    with pytest.raises(SystemExit, match=r"sweep cannot be written: .*No space left.* with hydra\.sweep\.dir=DIR"):
        own_folder(tmp_path / "sweep", "hydra.sweep.dir")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    """A Hub with the network ``me/night``, whose weights are those that a seed gives."""
    torch.manual_seed(5)
    save_weights(DCENet(), tmp_path / WEIGHTS_FILE, step=0)
    with serve_hub() as server:
        server.add("me/night", {WEIGHTS_FILE: (tmp_path / WEIGHTS_FILE).read_bytes()})
        yield server


@pytest.mark.slow
def test_remote_weights_are_recorded_with_their_revision_and_a_resumed_run_needs_them_no_more(
    hub: HubServer, sice: Path, tmp_path: Path
) -> None:
    settings, commit = environment(hub, tmp_path / "hf"), hub.repositories["me/night"].refs["main"]
    pinned = f"hf://me/night@{commit}/{WEIGHTS_FILE}"
    common = ["trainer.max_steps=2", "logger=csv"]
    remote = [*common, "model.weights=hf://me/night", "hydra.run.dir=remote/0"]
    local = [*common, f"model.weights={tmp_path / WEIGHTS_FILE}", "hydra.run.dir=local/0"]
    for options in (remote, local):
        done = run_apart(tmp_path, *tiny(sice, *options), **settings)
        assert done.returncode == 0, done.stderr
    assert_same_losses(tmp_path / "remote" / "0", tmp_path / "local" / "0")
    assert OmegaConf.load(tmp_path / "remote" / "0" / ".hydra" / "config.yaml").model.weights == pinned
    recorded = json.loads((tmp_path / "remote" / "0" / "environment.json").read_text())
    assert recorded["started_from"] == pinned
    hub.status = 404
    done = run_apart(tmp_path, "resume=remote/0", "trainer.max_steps=3", **settings)
    assert done.returncode == 0, done.stderr
    recorded = json.loads((tmp_path / "remote" / "0" / "environment.json").read_text())
    assert (recorded["started_from"], recorded["resumed"][0]["started_from"]) == (pinned, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("hf://me/nigth", "hf://me/nigth: there is no such repository"),
        ("hf://night", "hf://night is no address of weights; expected hf://USER/NAME"),
    ],
)
def test_a_wrong_address_ends_a_run_and_a_sweep_before_they_begin(
    weights: str, message: str, hub: HubServer, sice: Path, tmp_path: Path
) -> None:
    settings = environment(hub, tmp_path / "hf")
    done = run_apart(tmp_path, *tiny(sice, f"model.weights={weights}", "hydra.run.dir=run/0"), **settings)
    assert done.returncode == 1
    assert done.stderr.startswith(message), done.stderr
    assert not (tmp_path / "run").exists()
    options = tiny(sice, f"model.weights=hf://me/night,{weights}", "-m", "hydra.sweep.dir=sweep")
    done = run_apart(tmp_path, *options, **settings)
    assert done.returncode == 1
    assert done.stderr.startswith(message), done.stderr
    assert "This is run 1 of the sweep" in done.stderr
    assert not (tmp_path / "sweep").exists()


@pytest.mark.slow
def test_both_processes_of_a_run_begin_with_the_same_weights(hub: HubServer, sice: Path, tmp_path: Path) -> None:
    parallel = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "data.batch_size=1"]
    options = tiny(sice, *parallel, "trainer.max_steps=1", "model.weights=hf://me/night", "hydra.run.dir=run/0")
    done = run_apart(tmp_path, *options, "logger=csv", **environment(hub, tmp_path / "hf"))
    assert done.returncode == 0, done.stderr
    assert len(hub.downloads()) == 1
