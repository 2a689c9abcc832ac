"""Sweeps whose runs have processes of their own: several at a time, several a run, crashes, Ctrl-C."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from tests.helpers.paths import ROOT
from tests.helpers.processes import Command, is_running, wait_for
from tests.helpers.runs import read_metrics, read_result, run_apart, run_here, tiny
from zero_dce.files import read_json
from zero_dce.records.sweep import read_sweep
from zero_dce.sweep.launching import devices
from zero_dce.sweep.launching.environment import run_environments
from zero_dce.sweep.launching.job import Job
from zero_dce.sweep.launching.layout import lay_out

TWO = ("trainer=ddp", "trainer.devices=2", "data.batch_size=1")
TROUBLE = "+callbacks.trouble={_target_:tests.helpers.trouble."


def sweep(sice: Path, *overrides: str) -> list[str]:
    """A sweep of three runs into the folder ``sweep``."""
    return tiny(
        sice, "+sweep=loss_weights", "loss.weights.exp=3,10,30", "loss.weights.tv=200", "logger=csv", *overrides
    )


def states(folder: Path) -> list[str]:
    return [row["state"] for row in read_sweep(folder)]


@pytest.mark.slow
def test_runs_of_two_processes_and_one_that_crashes(sice: Path, tmp_path: Path) -> None:
    """Process 1 of the first run is killed: that run fails and says why, and the sweep goes on."""
    options = [*tiny(sice, "logger=csv", *TWO), f"{TROUBLE}Kill,rank:1,step:2}},null", "hydra.sweep.dir=sweep", "-m"]
    done = run_apart(tmp_path, *options, PYTHONPATH=str(ROOT))
    assert done.returncode == 1, done.stderr
    folder = tmp_path / "sweep"
    assert states(folder) == ["failed", "finished"]
    assert "process 1 of 2 was killed by signal 9 (SIGKILL)" in read_result(folder / "0")["error"]
    assert "Run 0 failed: process 1 of 2 was killed" in done.stdout
    assert read_result(folder / "1")["last_step"] == 4
    assert read_json(folder / "1" / "environment.json")["hardware"]["threads"] == 1, "two processes share two cores"
    assert "Fresh processes:" in done.stdout
    assert (folder / "1" / "train.log").is_file()
    assert (folder / "1" / "train_rank_1.log").is_file()
    assert (folder / "1" / ".hydra" / "overrides.yaml").is_file()


@pytest.mark.slow
def test_a_grid_over_devices_never_overlaps(sice: Path, tmp_path: Path) -> None:
    """Two processes first, then one in the sweep's own process, one after the other."""
    done = run_apart(tmp_path, *tiny(sice, "logger=csv", "trainer.devices=2,1", "hydra.sweep.dir=sweep", "-m"))
    assert done.returncode == 0, done.stderr
    first, second = (read_result(tmp_path / "sweep" / run) for run in "01")
    assert first["training_ended"] < second["training_began"]
    assert (tmp_path / "sweep" / "0" / "train_rank_1.log").is_file()
    assert not (tmp_path / "sweep" / "1" / "train_rank_1.log").exists()


@pytest.mark.slow
def test_several_runs_at_a_time_then_ctrl_c_then_continued(sice: Path, tmp_path: Path) -> None:
    """Two of three runs wait side by side at step 3 when Ctrl-C comes; nothing is left of them but their folders."""
    local = ("hydra/launcher=local", "hydra.launcher.slots=2", "hydra.sweep.dir=sweep", "trainer.max_steps=6")
    process = start(tmp_path, *sweep(sice, *local, f"{TROUBLE}Wait,folder:{tmp_path},step:3}}"))
    wait_for(lambda: len(list(tmp_path.glob("waits-*"))) == 2, [process])
    os.killpg(process.pid, signal.SIGINT)
    wait_for(lambda: "Stopping 2 processes" in process.output(), [process])
    # From here on they may go on to the end of their step, where they stop.
    (tmp_path / "go").touch()
    code, output = process.wait(), process.output()
    assert code == 130, output + process.errors()
    waiting = [int(file.name.partition("-")[2]) for file in tmp_path.glob("waits-*")]
    assert not any(map(is_running, waiting))
    folder = tmp_path / "sweep"
    assert states(folder) == ["interrupted", "interrupted", "not started"]
    assert read_result(folder / "0")["last_step"] == 4, "the step that it was in is kept"
    assert "not started" in output, "the table names all runs"
    done = run_apart(tmp_path, "resume=sweep", PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr
    assert states(folder) == ["finished"] * 3
    assert "Continuing the sweep" in done.stdout
    assert "2 interrupted, 1 not started" in done.stdout
    for run in "012":
        assert [row["step"] for row in read_metrics(folder / run)] == ["1", "2", "3", "4", "5", "6"]
        assert "output.log" in {file.name for file in (folder / run).iterdir()}, "as it was started: side by side"
    assert len(read_json(folder / "0" / "environment.json")["resumed"]) == 1, "continued, not begun anew"


@pytest.mark.slow
def test_runs_end_with_a_launcher_that_is_killed(sice: Path, tmp_path: Path) -> None:
    endless = ("trainer.max_steps=1000000", "every_n_steps=1000000", "hydra.sweep.dir=sweep")
    process = start(tmp_path, *sweep(sice, *TWO, f"{TROUBLE}Wait,folder:{tmp_path},step:3}}", *endless))
    wait_for(lambda: len(list(tmp_path.glob("waits-*"))) == 2, [process])
    process.kill()
    (tmp_path / "go").touch()
    waiting = [int(file.name.partition("-")[2]) for file in tmp_path.glob("waits-*")]
    wait_for(lambda: not any(map(is_running, waiting)), [])
    assert states(tmp_path / "sweep") == ["interrupted", "not started", "not started"]


@pytest.mark.parametrize(
    ("value", "gpus", "count"),
    [(2, 0, 2), ("2", 4, 2), ("auto", 0, 1), ("auto", 4, 4), (-1, 3, 3), ("0,3", 4, 2), ([1], 2, 1)],
)
def test_how_many_processes_devices_mean(value: object, gpus: int, count: int) -> None:
    assert devices.count_processes(value, gpus) == count


@pytest.mark.parametrize("value", ["two", 0, -2, [], None, "1,x"])
def test_devices_that_mean_nothing(value: object) -> None:
    with pytest.raises(ValueError, match=r"trainer\.devices is"):
        devices.count_processes(value, 2)


@pytest.mark.parametrize(
    ("slots", "per_run", "narrow", "expected"),
    [
        (None, 1, False, [["a"], ["b"], ["c"], ["d"]]),
        (None, 2, True, [["a", "b"], ["c", "d"]]),
        (None, 3, True, [["a", "b", "c"]]),
        (None, 3, False, [None]),
        (1, 4, False, [None]),
        (3, 1, False, [["a"], ["b"], ["c"]]),
    ],
)
def test_gpus_are_dealt_out(
    slots: int | None, per_run: int, narrow: bool, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a,b,c,d")
    gpus = devices.visible_gpus("auto")
    assert devices.deal_out(gpus, slots, per_run, narrow) == expected


def test_more_processes_than_gpus_are_refused() -> None:
    with pytest.raises(ValueError, match=r"need 6 GPUs, and 4 are visible: give hydra\.launcher\.slots=2"):
        devices.deal_out(["0", "1", "2", "3"], 3, 2, narrow=False)
    with pytest.raises(ValueError, match=r"need 8 GPUs, and 4"):
        devices.deal_out(["0", "1", "2", "3"], None, 8, narrow=True)
    with pytest.raises(ValueError, match=r"slots is 0"):
        devices.deal_out([], 0, 1, narrow=False)


def test_the_cpu_needs_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert devices.visible_gpus("cpu") == []
    assert devices.deal_out([], 3, 2, narrow=True) == [None, None, None]


def test_a_runs_environment_has_nothing_of_an_outer_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    outer = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID", "SLURM_PROCID")
    for name in outer:
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("SLURM_CONF", "kept")
    (alone,) = run_environments(1, ["4", "5"])
    assert not {*outer} & {*alone}
    assert alone["SLURM_CONF"] == "kept"
    assert alone["CUDA_VISIBLE_DEVICES"] == "4,5"
    first, second = run_environments(2, None)
    assert [rank["LOCAL_RANK"] for rank in (first, second)] == ["0", "1"]
    assert first["MASTER_PORT"] == second["MASTER_PORT"] != "7"
    assert first["WORLD_SIZE"] == "2"


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "2"}, "torchrun"),
        ({"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}, "srun"),
    ],
)
def test_a_sweep_inside_another_launcher_is_refused(
    variables: dict[str, str],
    name: str,
    sice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert run_here(monkeypatch, tmp_path, *sweep(sice, "hydra.sweep.dir=sweep")) == 1
    message = capsys.readouterr().err
    assert f"the sweep was started by {name}" in message
    assert "trainer=ddp trainer.devices=N" in message
    assert not (tmp_path / "sweep").exists()


def test_another_launcher_is_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib = "hydra.launcher._target_=hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
    assert run_here(monkeypatch, tmp_path, *sweep(sice, joblib, "hydra.sweep.dir=sweep")) == 1
    assert "Use hydra/launcher=local hydra.launcher.slots=N" in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["trainer.num_nodes=2"], "trainer.num_nodes=2 needs several machines: hydra/launcher=slurm"),
        (["trainer.devices=two"], "trainer.devices is 'two'"),
        (["hydra/launcher=local", "hydra.launcher.slots=0"], "hydra.launcher.slots is 0"),
        (["hydra/launcher=local", "hydra.launcher.devices_per_run=0"], "hydra.launcher.devices_per_run is 0"),
        (["trainer.devices=3", "hydra.launcher.devices_per_run=2"], "trainer.devices=3 and hydra.launcher.devices_per"),
    ],
)
def test_what_cannot_work_is_refused(
    overrides: list[str],
    message: str,
    sice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_here(monkeypatch, tmp_path, *sweep(sice, *overrides, "hydra.sweep.dir=sweep")) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "sweep" / "0").exists()


def test_a_grid_over_devices_gives_each_run_its_own(tmp_path: Path) -> None:
    """Runs of one process stay in the sweep's process where nothing runs beside them; composed once each kind."""
    jobs = [
        Job(number, (f"trainer.devices={count}", f"loss.weights.exp={number}"), tmp_path / str(number))
        for number, count in enumerate((1, 2, 1))
    ]
    composed: list[object] = []

    def compose(overrides: object) -> DictConfig:
        composed.append(overrides)
        (count,) = (text.partition("=")[2] for text in overrides if text.startswith("trainer.devices"))  # type: ignore[attr-defined]
        return OmegaConf.create({"trainer": {"devices": int(count), "accelerator": "cpu"}})

    layout = lay_out(jobs, compose, "cpu", slots=1, devices_per_run=None)
    assert [layout.processes[job.number] for job in jobs] == [1, 2, 1]
    assert [layout.in_this_process(job) for job in jobs] == [True, False, True]
    assert len(composed) == 2
    side_by_side = lay_out(jobs, compose, "cpu", slots=2, devices_per_run=None)
    assert not any(side_by_side.in_this_process(job) for job in jobs)


def start(folder: Path, *arguments: str) -> Command:
    """Start the command line as a terminal would: in a process group of its own."""
    return Command("zero_dce.train", arguments, folder, {"PYTHONPATH": str(ROOT)})
