"""W&B online, `wandb sync` and W&B sweeps, against a small server on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers.arrived import assert_arrived, online
from tests.helpers.paths import ROOT
from tests.helpers.processes import Command
from tests.helpers.runs import read_result, read_wandb, run_apart, run_here, tiny
from tests.helpers.trackers import stop_in_validation
from tests.helpers.wandb_server import ENTITY, KEY, Server, serve
from zero_dce.train.loggers.step_wandb import StepWandbLogger

pytestmark = pytest.mark.slow

SWEEP_FILE = ROOT / "sweeps" / "loss_weights" / "wandb.yaml"
WANDB = [sys.executable, "-m", "wandb"]


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


def test_a_stopped_and_resumed_online_run_arrives_whole(server: Server, sice: Path, tmp_path: Path) -> None:
    """Stopped in the validation of step 4; the server also lacks steps 2 and 3, as after a kill before they went."""
    options = tiny(sice, "logger=wandb_online", "hydra.run.dir=r/0")
    stopped = Command("zero_dce.train", options, tmp_path, online(server, tmp_path), stop_in_validation)
    assert stopped.wait() == 1, stopped.errors()
    (arrived,) = server.runs.values()
    assert [row["_step"] for row in arrived.rows] == [0, 1, 2, 3], "no half row of step 4"
    del arrived.lines[2], arrived.lines[3]
    done = run_apart(tmp_path, "resume=r/0", "trainer.max_steps=6", **online(server, tmp_path))
    assert done.returncode == 0, done.stderr
    assert [*server.runs] == [arrived.name]
    assert_arrived(arrived, tmp_path / "r" / "0", [0, 2, 4, 6])


def test_a_synced_offline_sweep_arrives_whole(
    server: Server, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also its second run, which was resumed."""
    grid = ["+sweep=loss_weights", "loss.weights.exp=3,10", "loss.weights.tv=200", "hydra.sweep.dir=grid/today"]
    assert run_here(monkeypatch, tmp_path, *tiny(sice, *grid)) == 0
    sweep = tmp_path / "grid" / "today"
    assert run_here(monkeypatch, tmp_path, f"resume={sweep / '1'}", "trainer.max_steps=6") == 0
    folders = [str(folder) for folder in (sweep / "wandb").glob("offline-run-*")]
    environment = {**os.environ, **online(server, tmp_path)}
    subprocess.run([*WANDB, "sync", *folders], env=environment, check=True, timeout=120, capture_output=True)
    runs = {run.display_name: run for run in server.runs.values()}
    assert {*runs} == {"exp=3", "exp=10"}
    for number, (name, steps) in enumerate((("exp=3", [0, 2, 4]), ("exp=10", [0, 2, 4, 6]))):
        assert_arrived(runs[name], sweep / str(number), steps)
        assert runs[name].group == "grid/today"
        assert f"exp={runs[name].config['loss']['weights']['exp']:g}" == name
        assert runs[name].exit_code == 0


def test_sweep_file_is_the_same_grid() -> None:
    grid = yaml.safe_load((ROOT / "conf" / "sweep" / "loss_weights.yaml").read_text())["hydra"]["sweeper"]["params"]
    parameters = yaml.safe_load(SWEEP_FILE.read_text())["parameters"]
    assert {key: ",".join(map(str, item["values"])) for key, item in parameters.items()} == grid


def test_a_wandb_sweep(server: Server, sice: Path, tmp_path: Path) -> None:
    """``wandb sweep`` and ``wandb agent`` run the file's grid; here two of its points."""
    content = yaml.safe_load(SWEEP_FILE.read_text())
    content["parameters"]["loss.weights.exp"]["values"] = [3]
    content["command"] += tiny(sice)
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(content))
    environment: dict[str, Any] = {
        "cwd": tmp_path,
        # The file's ${interpreter} is the first python there.
        "env": {
            **os.environ,
            **online(server, tmp_path),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        "check": True,
        "capture_output": True,
        "timeout": 300,
        "text": True,
    }
    subprocess.run([*WANDB, "sweep", "--project", "zero_dce", "sweep.yaml"], **environment)
    subprocess.run([*WANDB, "agent", f"{ENTITY}/zero_dce/grid1"], **environment)
    runs = tmp_path / "runs" / "loss_weights" / "grid1"
    weights = {
        (run.config["loss"]["weights"]["exp"], run.config["loss"]["weights"]["tv"]) for run in server.runs.values()
    }
    assert weights == {(3, 200), (3, 800)}
    for name, run in server.runs.items():
        assert read_result(runs / name)["state"] == "finished"
        assert_arrived(run, runs / name, [0, 2, 4])
        assert run.display_name == f"exp=3 tv={run.config['loss']['weights']['tv']}"
        assert (run.sweep, run.group) == ("grid1", "loss_weights/grid1")
        assert run.config["loss.weights.tv"] == run.config["loss"]["weights"]["tv"], "W&B's own column of the sweep"


def test_without_a_key_nothing_is_begun(sice: Path, tmp_path: Path) -> None:
    done = run_apart(tmp_path, *tiny(sice, "logger=wandb_online"), HOME=str(tmp_path), WANDB_API_KEY="")
    assert done.returncode == 1
    assert "W&B has no API key" in done.stderr
    assert "logger.fallback=offline trains without it" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.ckpt"))


def test_fallback_goes_on_offline_and_says_so(sice: Path, tmp_path: Path) -> None:
    options = tiny(sice, "logger=wandb_online", "logger.fallback=offline", "hydra.run.dir=r/0")
    environment = {"HOME": str(tmp_path), "WANDB_API_KEY": KEY, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    done = run_apart(tmp_path, *options, **environment)
    assert done.returncode == 0, done.stderr
    assert "OFFLINE (logger.fallback=offline): W&B at http://127.0.0.1:9 cannot be reached" in done.stdout + done.stderr
    records = read_wandb(tmp_path / "r" / "wandb")
    run = next(record["run"] for record in records if record["type"] == "run")
    assert "offline fallback" in run["tags"]
    updates = [record["config"]["update"] for record in records if record["type"] == "config"]
    config = next(update for update in updates if "logger" in update)
    assert (config["logger"]["fallback"], config["logger"]["wandb"]["mode"]) == ("offline", "offline")


def test_unknown_fallback(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=wandb_online", "logger.fallback=maybe")) == 1
    assert "logger.fallback is 'maybe'; expected one of stop, offline" in capsys.readouterr().err


def test_an_id_of_the_environment_is_checked_when_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "night/1")
    with pytest.raises(ValueError, match=r"WANDB_RUN_ID='night/1' is no id of a run; expected at most 128"):
        StepWandbLogger("offline", str(tmp_path / "id.txt"), save_dir=str(tmp_path))
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("WANDB_RUN_ID", "low light.1")
    for _ in range(2):
        StepWandbLogger("offline", str(tmp_path / "id.txt"), save_dir=str(tmp_path))
        assert (tmp_path / "id.txt").read_text() == "low light.1\n"
