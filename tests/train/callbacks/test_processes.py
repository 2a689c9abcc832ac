"""Training on two processes: the numbers of one, exact resumes, and a stop where the processes do not fit together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from tests.helpers.pictures import make_sice
from tests.helpers.processes import changed, exit_code, free_port, ranks, run_on_two, start, wait_for
from tests.helpers.runs import TINY, read_metrics, read_result, run_apart
from tests.train.test_resuming import assert_same_losses
from zero_dce.train.callbacks.processes import ProcessCheck, describe_differences, differences, started_processes
from zero_dce.train.command_line import as_further_process

DDP = ["trainer=ddp", "trainer.devices=2", "data.batch_size=2"]
STEPS = 7
# A pixel on the edge between two levels may fall to either side, by the last digit of a sum: a share of few pixels.
COUNTED = {"entropy_out": 1e-3, "loe": 1e-1, "clipped_out": 1e-3}
# This only ends a test that hangs.
HANGING_S = 240


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """14 training pictures, four steps an epoch; 7 of validation, which two processes cannot share evenly."""
    data = make_sice(tmp_path_factory.mktemp("data"), scenes=5, frames=5)
    return [
        *TINY,
        "logger=csv",
        "data=sice",
        f"data.root={data}",
        "data.split.test_fraction=0.15",
        "data.val_fraction=0.3",
        # For SSIM and noise, which small pictures do not have.
        "data.size=32",
        "data.batch_size=4",
        "every_n_steps=1",
        # A norm that is cut off says nothing of the gradients.
        "trainer.gradient_clip_val=null",
        # An untrained network that brightens, and pictures that are bright enough for this target.
        "seed=7",
        "loss.exp.target=0.15",
        f"trainer.max_steps={STEPS}",
    ]


def started(folder: Path, *command_lines: list[str]) -> list[ForkServerProcess]:
    """Start the processes of one run, as a launcher does; ``output-0.txt`` and so on get what they print."""
    environments = ranks(free_port(), len(command_lines))
    return [start(folder, command_lines[rank], extra, rank) for rank, extra in enumerate(environments)]


def finish(folder: Path, arguments: list[str]) -> None:
    """Run to the end on two processes."""
    codes, printed = run_on_two(folder, arguments)
    assert codes == [0, 0], printed
    assert "Warning" not in printed


def run_both(folder: Path, options: list[str]) -> tuple[Path, Path]:
    """Make the same run on one process and on two; returns the runs' folders."""
    done = run_apart(folder, *options, "hydra.run.dir=one/0")
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    finish(folder, [*options, *DDP, "hydra.run.dir=two/0"])
    return folder / "one" / "0", folder / "two" / "0"


@pytest.fixture(scope="module")
def runs(options: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return run_both(tmp_path_factory.mktemp("runs"), options)


def assert_equal_numbers(runs: tuple[Path, Path]) -> None:
    """All that was logged is the same, at the same steps, and each measure has a value."""
    one, two = map(read_metrics, runs)
    assert [int(row["step"]) for row in two] == [int(row["step"]) for row in one] == list(range(1, STEPS + 1))
    for row, expected in zip(two, one, strict=True):
        assert row.keys() == expected.keys()
        for name, value in expected.items():
            most = COUNTED.get(name.partition("/")[2], 1e-5)
            assert float(row[name]) == pytest.approx(float(value), abs=most), (row["step"], name)
    assert {"train/saturation_ratio", "train/share/tv", "val/brightened_by", "val/psnr_gain_se", "val/loe"} < {*one[-1]}


@pytest.mark.slow
def test_all_that_is_logged_equals_one_process(runs: tuple[Path, Path]) -> None:
    assert_equal_numbers(runs)


@pytest.mark.slow
def test_accumulated_steps_equal_one_process(options: list[str], tmp_path: Path) -> None:
    accumulated = run_both(tmp_path, [*options, "trainer.accumulate_grad_batches=2"])
    assert_equal_numbers(accumulated)
    assert_equal_weights(accumulated)


@pytest.mark.slow
def test_the_result_equals_one_process(runs: tuple[Path, Path]) -> None:
    one, two = (read_result(run)["measures"] for run in runs)
    assert {name.partition("/")[0] for name in one} == {"train", "val"}
    assert two == pytest.approx(one, abs=1e-5)


@pytest.mark.slow
def test_gradients_and_weights_equal_one_process(runs: tuple[Path, Path]) -> None:
    assert_equal_weights(runs)


def assert_equal_weights(runs: tuple[Path, Path]) -> None:
    """The first step's gradients and the last step's weights are the same."""
    first, last = (
        [torch.load(run / "checkpoints" / name, weights_only=True) for run in runs]
        for name in ("step-000001.ckpt", "last.ckpt")
    )
    one, two = (checkpoint["optimizer_states"][0]["state"] for checkpoint in first)
    for index, state in one.items():
        # After the first step Adam's mean is a tenth of the gradient.
        norm = state["exp_avg"].norm()
        assert norm > 0
        assert (two[index]["exp_avg"] - state["exp_avg"]).norm() / norm < 1e-5
    for name, weight in last[0]["state_dict"].items():
        torch.testing.assert_close(last[1]["state_dict"][name], weight, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [2, 5])
def test_resume_continues_exactly(stop: int, runs: tuple[Path, Path], options: list[str], tmp_path: Path) -> None:
    """Inside the first epoch, of four steps, and inside the second."""
    finish(tmp_path, [*options, *DDP, f"trainer.max_steps={stop}", "hydra.run.dir=parts/0"])
    finish(tmp_path, ["resume=parts/0", f"trainer.max_steps={STEPS}"])
    assert_same_losses(tmp_path / "parts" / "0", runs[1])


@pytest.mark.slow
def test_a_run_of_one_process_goes_on_with_two(runs: tuple[Path, Path], options: list[str], tmp_path: Path) -> None:
    """With the same global batch, inside an epoch: the same pictures follow."""
    parts = [*options, "trainer.max_steps=2", "hydra.run.dir=parts/0"]
    assert run_apart(tmp_path, *parts).returncode == 0
    finish(tmp_path, ["resume=parts/0", *DDP, f"trainer.max_steps={STEPS}"])
    assert_equal_numbers((runs[0], tmp_path / "parts" / "0"))


def kill_in_training(folder: Path, arguments: list[str], *victims: int) -> int:
    """Kill -9 some of two processes when a step is done; returns the step that the next part continues from.

    The others must end by themselves, with an error.
    """
    last = folder / "parts" / "0" / "checkpoints" / "last.ckpt"
    begun = changed(last)
    processes = started(folder, arguments, arguments)
    wait_for(begun, processes)
    for rank in victims:
        processes[rank].kill()
    assert all(exit_code(process) != 0 for process in processes)
    return int(torch.load(last, weights_only=True)["global_step"])


@pytest.mark.slow
def test_killed_processes(options: list[str], tmp_path: Path) -> None:
    """Kill -9 of one process ends the other one; what was trained by then goes on exactly, as after a kill of both."""
    options = [o for o in options if not o.startswith("callbacks.samples.")]
    options += [*DDP, "callbacks.samples=null", "callbacks.progress=null", "trainer.max_steps=100000"]
    run, arguments, steps = tmp_path / "parts" / "0", [*options, "hydra.run.dir=parts/0"], [0]
    for victims in ((1,), (0,), (0, 1)):
        steps.append(kill_in_training(tmp_path, arguments, *victims))
        if victims == (1,):
            assert read_result(run)["state"] == "failed"
            assert "peer" in read_result(run)["error"], "gloo's word for the other process"
        arguments = ["resume=parts/0"]
    assert steps == sorted({*steps}), "each part got further"
    final = f"trainer.max_steps={steps[-1] + 2}"
    finish(tmp_path, ["resume=parts/0", final])
    finish(tmp_path, [*options, final, "hydra.run.dir=whole/0"])
    assert_same_losses(run, tmp_path / "whole" / "0")


@pytest.mark.slow
def test_another_configuration_on_one_process_stops_both(options: list[str], tmp_path: Path) -> None:
    same = [*options, *DDP, "hydra.run.dir=run/0"]
    assert [exit_code(process) for process in started(tmp_path, same, [*same, "loss.weights.exp=3"])] == [1, 1]
    for rank in (0, 1):
        printed = (tmp_path / f"output-{rank}.txt").read_text()
        assert "the processes of this run differ" in printed
        assert "loss.weights.exp is 10.0 on process 0, 3 on process 1" in printed
    result = read_result(tmp_path / "run" / "0")
    assert result["state"] == "failed"
    assert "loss.weights.exp is 10.0 on process 0, 3 on process 1" in result["error"]


@pytest.mark.slow
def test_two_run_folders_are_named_with_the_way_out(options: list[str], tmp_path: Path) -> None:
    """As each process makes one by its clock where none is given."""
    same = [*options, *DDP]
    both = started(tmp_path, [*same, "hydra.run.dir=a/0"], [*same, "hydra.run.dir=b/0"])
    assert [exit_code(process) for process in both] == [1, 1]
    error = read_result(tmp_path / "a" / "0")["error"]
    assert f"run_dir is '{tmp_path / 'a' / '0'}' on process 0, '{tmp_path / 'b' / '0'}' on process 1" in error
    assert "hydra.run.dir=DIR" in error
    assert error.count(" on process 1") == 1, "what follows from the folder is not listed"


def assert_refused(count: int, asked: int, printed: str, run: Path) -> None:
    message = f"the run has {count} processes, but trainer.devices={asked} and trainer.num_nodes=1 ask for {asked}"
    assert message in printed
    result = read_result(run)
    assert result["state"] == "failed"
    assert message in result["error"]


@pytest.mark.slow
def test_a_launcher_with_a_wrong_number_of_processes(options: list[str], tmp_path: Path) -> None:
    three = started(tmp_path, *[[*options, *DDP, "hydra.run.dir=run/0"]] * 3)
    assert [exit_code(process) for process in three] == [1, 1, 1]
    assert_refused(3, 2, (tmp_path / "output-0.txt").read_text(), tmp_path / "run" / "0")


@pytest.mark.slow
def test_torchrun_with_a_wrong_number_of_processes(options: list[str], tmp_path: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "zero_dce.train"]
    command = [sys.executable, *launcher, *options, "hydra.run.dir=run/0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=HANGING_S, check=False)
    assert done.returncode != 0
    assert_refused(2, 1, done.stderr, tmp_path / "run" / "0")


def note_writes() -> None:
    """Append the name of each file that this process writes, renames or removes in the run's folder to ``writes-1``."""
    note, run = Path("writes-1.txt").resolve(), str(Path("run").resolve())

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event in {"os.rename", "os.remove", "os.truncate"} or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if writes and str(arguments[0]).startswith(run):
            descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, f"{Path(arguments[0]).relative_to(run)}\n".encode())
            os.close(descriptor)

    sys.addaudithook(hear)


@pytest.mark.slow
@pytest.mark.parametrize("resumed", [False, True])
def test_only_the_first_process_writes(options: list[str], tmp_path: Path, resumed: bool) -> None:
    """Two that write one file disturb each other: each other process has a log of its own, and no more."""
    arguments = [*options, *DDP, "hydra.run.dir=run/0"]
    if resumed:
        finish(tmp_path, [*arguments, "trainer.max_steps=2"])
        arguments = ["resume=run/0", f"trainer.max_steps={STEPS}"]
    first, second = ranks(free_port())
    processes = [start(tmp_path, arguments, first), start(tmp_path, arguments, second, 1, note_writes)]
    assert [exit_code(process) for process in processes] == [0, 0]
    assert {*(tmp_path / "writes-1.txt").read_text().split()} == {"0/train_rank_1.log"}


def test_torchrun_needs_the_runs_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ranks(free_port())[1].items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r"several processes of torchrun .* hydra\.run\.dir=runs/train/NAME/0"):
        as_further_process(["trainer=ddp"])
    launched = ["hydra.run.dir=x", "hydra.job.name=train_ddp_process_1", "hydra.output_subdir=null"]
    assert as_further_process(launched) == launched


def configured(devices: Any = 1) -> ProcessCheck:
    return ProcessCheck(OmegaConf.create({"run_dir": "run", "trainer": {"devices": devices}}))


def trainer_of(devices: int, world_size: int, nodes: int = 1) -> Any:
    return SimpleNamespace(num_devices=devices, num_nodes=nodes, world_size=world_size, datamodule=None)


@pytest.mark.parametrize(
    ("given", "devices", "world_size", "asked"), [(2, 1, 1, 2), (1, 2, 1, 2), (1, 1, 2, 1), ("auto", 2, 2, 2)]
)
def test_a_wrong_number_is_noticed_without_a_launcher(given: Any, devices: int, world_size: int, asked: int) -> None:
    with pytest.raises(ValueError, match=rf"has [12] process(es)?, but trainer\.devices={asked} .* ask for {asked}"):
        configured(given).setup(trainer_of(devices, world_size), Any, "fit")


@pytest.mark.parametrize(
    ("environment", "started"),
    [
        ({}, None),
        ({"WORLD_SIZE": "3"}, None),
        ({"WORLD_SIZE": "3", "LOCAL_RANK": "0", "SLURM_STEP_NUM_TASKS": "2"}, 3),
        ({"SLURM_STEP_NUM_TASKS": "2"}, 2),
        ({"SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"SLURM_NTASKS": "4"}, None),
    ],
)
def test_what_launchers_say(environment: dict[str, str], started: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "LOCAL_RANK", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert started_processes() == started
    if started:
        with pytest.raises(ValueError, match=f"the run has {started} processes, but trainer.devices=1"):
            configured(1).check_start(trainer_of(1, 1))
        configured("auto").check_start(trainer_of(started, started))


def test_differences_name_the_first_ones() -> None:
    facts = [{"a": "1", "b": "x"}, {"a": "1"}, {"a": "1", "b": "y", "c": "z"}, {"a": "1", "b": "x"}]
    found = list(differences(facts))
    assert found == [("b", {"x": [0, 3], "not given": [1], "y": [2]}), ("c", {"not given": [0, 1, 3], "z": [2]})]
    message = describe_differences(found)
    assert "b is x on process 0, 3, not given on process 1, y on process 2\n" in message
    many = describe_differences([(f"n{number}", {"1": [0], "2": [1]}) for number in range(9)])
    assert "n4 is" in many
    assert "n5 is" not in many
    assert "and 4 more" in many


def test_workers_may_follow_each_machines_cores() -> None:
    checks = [
        ProcessCheck(OmegaConf.create({"run_dir": "run", "trainer": {"devices": 1}, "data": {"num_workers": workers}}))
        for workers in (2, 4)
    ]
    assert list(differences([check.facts for check in checks])) == []
    assert {"version of torch", "version of zero_dce", "trainer.devices", "run_dir"} < {*checks[0].facts}


@pytest.mark.slow
def test_a_process_that_is_stopped_fails_the_run_in_time(options: list[str], tmp_path: Path) -> None:
    """The other one waits for as long as it was told, and says what to do."""
    endless = ["trainer.max_steps=1000000", "every_n_steps=2", "callbacks.samples=null", "hydra.run.dir=run/0"]
    waiting = ["trainer.strategy.timeout.minutes=0", "+trainer.strategy.timeout.seconds=5"]
    first, second = started(tmp_path, *[[*options, *DDP, *endless, *waiting]] * 2)
    wait_for(changed(tmp_path / "run" / "0" / "checkpoints" / "last.ckpt"), [first, second])
    assert second.pid is not None
    os.kill(second.pid, signal.SIGSTOP)
    try:
        assert exit_code(first) == 1
    finally:
        second.kill()
        second.join()
    result = read_result(tmp_path / "run" / "0")
    assert result["state"] == "failed"
    assert "another process of this run has not answered" in result["error"]
    assert "trainer.strategy.timeout.minutes" in result["error"]
    assert "Go on with: python -m zero_dce.train resume=" in result["error"]
    assert "has not answered" in (tmp_path / "output-0.txt").read_text()
