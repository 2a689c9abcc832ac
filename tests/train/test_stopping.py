"""A signal at any moment: the run stops with a checkpoint, and continues with the losses of one never stopped."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.pytorch.plugins.io import TorchCheckpointIO
from omegaconf import OmegaConf

from tests.helpers.processes import (
    Command,
    changed,
    exit_code,
    free_port,
    is_running,
    ranks,
    slurm_tasks,
    start,
    wait_for,
)
from tests.helpers.runs import assert_same_losses, read_metrics, read_result, read_wandb, run_here, tiny, wandb_rows
from zero_dce.data import survey
from zero_dce.data.datamodule import ExposureDataModule
from zero_dce.module import ZeroDCE
from zero_dce.signals import Interrupted, StopSignals
from zero_dce.train import stopping
from zero_dce.train.configuration import targets_allowed
from zero_dce.train.resuming import read_step
from zero_dce.train.stopping import with_cluster

INT, TERM, USR1, USR2 = signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2
# More steps than the parts get through, so that each signal meets a run that goes on.
ENDLESS = "trainer.max_steps=100000"
# From where a part has read its data: some into the start of training, most into some dozens of steps.
LATEST_S = 0.4
DDP = ["trainer=ddp", "trainer.devices=2"]


def options(sice: Path, *more: str) -> list[str]:
    """Checkpoints every 7 steps, so that most parts end out of turn."""
    given = tiny(sice, "logger=csv", "callbacks.samples=null", "every_n_steps=7", ENDLESS)
    return [*(o for o in given if not o.startswith("callbacks.samples.")), *more]


def step_checkpoints(run: Path) -> list[str]:
    return sorted(file.name for file in (run / "checkpoints").glob("step-*.ckpt"))


def last_step(run: Path) -> int:
    return read_step(run / "checkpoints" / "last.ckpt")


def finish(folder: Path, arguments: Sequence[str], environments: Sequence[Mapping[str, str]] = ({},)) -> None:
    """Run to the end, in one process or several."""
    processes = [start(folder, arguments, extra, rank) for rank, extra in enumerate(environments)]
    assert [exit_code(process) for process in processes] == [0] * len(processes), (folder / "output-0.txt").read_text()


def assert_as_if_whole(folder: Path, given: Sequence[str], environments: Sequence[Mapping[str, str]] = ({},)) -> None:
    """Finish ``parts/0`` and compare it with a run that was never stopped."""
    run, whole = folder / "parts" / "0", folder / "whole" / "0"
    final = f"trainer.max_steps={last_step(run) + 3}"
    finish(folder, ["resume=parts/0", final], environments)
    finish(folder, [*given, final, "hydra.run.dir=whole/0"], environments)
    assert_same_losses(run, whole)
    assert step_checkpoints(run) == step_checkpoints(whole), "when a run was stopped does not show in its checkpoints"
    assert sorted(file.name for file in (run / "checkpoints").iterdir()) == ["last.ckpt", *step_checkpoints(run)]
    assert read_result(run)["state"] == "finished"


def send(processes: Sequence[ForkServerProcess], number: int, whole_group: bool = False) -> None:
    for process in processes:
        assert process.pid is not None
        (os.killpg if whole_group else os.kill)(process.pid, number)


KINDS = {
    "plain": ([], [TERM, INT, USR1, USR2]),
    "accumulated": (["trainer.accumulate_grad_batches=2", "data.batch_size=1"], [TERM, INT, USR2]),
    "with_readers": (["data.cache=none", "data.num_workers=2"], [INT, TERM, USR1, USR2]),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_signals_at_random_moments(kind: str, sice: Path, tmp_path: Path) -> None:
    """Also to all processes of a job, as a cluster sends them, those that read pictures among them."""
    more, numbers = KINDS[kind]
    given, run, moments = options(sice, *more), tmp_path / "parts" / "0", random.Random(kind)
    arguments, steps = [*given, "hydra.run.dir=parts/0"], [0]
    for part in range(10 if kind == "plain" else 5):
        begun = changed(run / "environment.json" if part else run / "checkpoints" / "last.ckpt")
        process = start(tmp_path, arguments)
        wait_for(begun, [process])
        time.sleep(moments.uniform(0, LATEST_S))
        number = numbers[part % len(numbers)]
        send([process], number, whole_group=kind == "with_readers")
        assert exit_code(process) == 128 + number, (tmp_path / "output-0.txt").read_text()
        result = read_result(run)
        assert (result["state"], result["error"]) == ("interrupted", None)
        steps.append(last_step(run))
        assert f"stopped by {'Ctrl-C' if number == INT else number.name}" in (tmp_path / "output-0.txt").read_text()
        arguments = ["resume=parts/0"]
    assert steps == sorted(steps), "nothing is done twice"
    assert len({*steps}) > len(steps) // 2, "most signals met a run that was training"
    assert any(step % 7 for step in steps), "out of turn"
    assert_as_if_whole(tmp_path, given)


@pytest.mark.slow
def test_signals_to_one_or_both_of_two_processes(sice: Path, tmp_path: Path) -> None:
    """Both stop at the same step, whichever gets the signal; processes as a launcher starts them."""
    given, run, moments = options(sice, *DDP), tmp_path / "parts" / "0", random.Random(2)
    arguments, steps = [*given, "hydra.run.dir=parts/0"], [0]
    for part, to in enumerate([[0], [1], [0, 1], [1]] * 2 + [[0, 1]]):
        number = (TERM, INT, USR2)[part % 3]
        begun = changed(run / "checkpoints" / "last.ckpt")
        both = [start(tmp_path, arguments, extra, rank) for rank, extra in enumerate(ranks(free_port()))]
        wait_for(begun, both)
        time.sleep(moments.uniform(0, LATEST_S))
        send([both[rank] for rank in to], number)
        assert [exit_code(process) for process in both] == [128 + number] * 2, (tmp_path / "output-0.txt").read_text()
        assert read_result(run)["state"] == "interrupted"
        steps.append(last_step(run))
        assert read_result(run)["last_step"] == steps[-1]
        arguments = ["resume=parts/0"]
    assert steps == sorted({*steps}), "each part got further"
    assert_as_if_whole(tmp_path, given, ranks(free_port()))


def children(pid: int, name: str = "zero_dce.train") -> list[int]:
    """The processes that a run has started, those with a name in their command line."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in found.stdout.splitlines() if name in line]


needs_ps = pytest.mark.skipif(not shutil.which("ps"), reason="looks for processes with ps")


@pytest.mark.slow
@needs_ps
def test_while_the_trainer_starts_processes(sice: Path, tmp_path: Path) -> None:
    """The second process is taken along, and does not wait for the first."""
    process = Command("zero_dce.train", options(sice, *DDP, "hydra.run.dir=run/0"), tmp_path)
    wait_for(lambda: children(process.pid), [process])
    (second,) = children(process.pid)
    process.send_signal(TERM)
    code, output = process.wait(), process.output() + process.errors()
    wait_for(lambda: not is_running(second), [])
    assert code == 143, output
    assert read_result(tmp_path / "run" / "0")["state"] == "interrupted"
    assert "stopped by SIGTERM before training began" in output


@pytest.mark.slow
@needs_ps
def test_processes_that_the_trainer_starts(sice: Path, tmp_path: Path) -> None:
    given, run = options(sice, *DDP), tmp_path / "parts" / "0"
    arguments = [*given, "hydra.run.dir=parts/0"]
    for to in ("first", "second", "both"):
        begun = changed(run / "checkpoints" / "last.ckpt")
        process = Command("zero_dce.train", arguments, tmp_path)
        wait_for(begun, [process])
        (second,) = children(process.pid)
        for pid in {"first": [process.pid], "second": [second], "both": [process.pid, second]}[to]:
            os.kill(pid, TERM)
        code, output = process.wait(), process.output() + process.errors()
        # Not killed by the Trainer's watch over its processes, which would be -9.
        assert code == 143, output
        assert "stopped by SIGTERM after step" in output
        result = read_result(run)
        assert (result["state"], result["last_step"]) == ("interrupted", last_step(run))
        arguments = ["resume=parts/0"]
    assert_as_if_whole(tmp_path, given, ranks(free_port()))


@pytest.mark.slow
@needs_ps
@pytest.mark.parametrize("number", [INT, TERM, USR2])
def test_a_signal_that_reaches_wandb_too(number: int, sice: Path, tmp_path: Path) -> None:
    """W&B's own process ends at SIGTERM before the run does, and must not take the checkpoint along."""
    given = [option for option in options(sice, "hydra.run.dir=run/0") if option != "logger=csv"]
    process = start(tmp_path, given)
    wait_for((tmp_path / "run" / "0" / "checkpoints" / "last.ckpt").exists, [process])
    assert process.pid is not None
    (core,) = children(process.pid, "wandb-core")
    os.kill(process.pid, number)
    os.kill(core, number)
    assert exit_code(process) == 128 + number, (tmp_path / "output-0.txt").read_text()
    result = read_result(tmp_path / "run" / "0")
    assert (result["state"], result["last_step"]) == ("interrupted", last_step(tmp_path / "run" / "0"))
    final = result["last_step"] + 2
    finish(tmp_path, ["resume=run/0", f"trainer.max_steps={final}"])
    rows = wandb_rows(read_wandb(tmp_path / "run" / "wandb"))
    assert [row["_step"] for row in rows] == list(range(1, final + 1)), "the resumed run sends what was lost"


def signal_in(monkeypatch: pytest.MonkeyPatch, hook: str, step: int, number: int = TERM) -> None:
    """Let a run in this process get a signal in a hook of its module, once, at a step."""
    original, pid, sent = getattr(ZeroDCE, hook), os.getpid(), []

    def patched(self: ZeroDCE, *args: Any) -> Any:
        if self.global_step == step and not sent:
            sent.append(step)
            os.kill(pid, number)
        return original(self, *args)

    monkeypatch.setattr(ZeroDCE, hook, patched)


@pytest.mark.parametrize("stops", [(6, 12), (5, 6, 7), (7, 12, 14), (1, 6, 18)])
def test_signals_at_the_ends_of_epochs(
    stops: tuple[int, ...], sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An epoch has 6 steps; 7 and 14 have a checkpoint and a validation of their own."""
    given = options(sice, "trainer.max_steps=20")
    before = signal.getsignal(TERM)
    arguments = [*given, "hydra.run.dir=parts/0"]
    for stop in stops:
        with monkeypatch.context() as patch:
            signal_in(patch, "training_step", stop - 1)
            assert run_here(monkeypatch, tmp_path, *arguments) == 143
        assert read_result(tmp_path / "parts" / "0")["last_step"] == last_step(tmp_path / "parts" / "0") == stop
        assert int(read_metrics(tmp_path / "parts" / "0")[-1]["step"]) == stop
        assert signal.getsignal(TERM) == before
        arguments = ["resume=parts/0"]
    assert run_here(monkeypatch, tmp_path, "resume=parts/0") == 0
    assert run_here(monkeypatch, tmp_path, *given, "hydra.run.dir=whole/0") == 0
    run, whole = tmp_path / "parts" / "0", tmp_path / "whole" / "0"
    assert_same_losses(run, whole)
    # Only where it was due: a run that is stopped is not validated for it.
    assert [bool(row["val/exp"]) for row in read_metrics(run)] == [bool(row["val/exp"]) for row in read_metrics(whole)]
    assert step_checkpoints(run) == step_checkpoints(whole)


@pytest.mark.parametrize("end", ["trainer.max_steps=4", "trainer.max_epochs=1"])
def test_a_signal_in_the_last_step_changes_nothing(
    end: str, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 4 if "steps" in end else 6
    given = options(sice, "trainer.max_steps=-1", "hydra.run.dir=run/0", end)
    signal_in(monkeypatch, "training_step", steps - 1)
    assert run_here(monkeypatch, tmp_path, *given) == 0
    result = read_result(tmp_path / "run" / "0")
    assert (result["state"], result["last_step"]) == ("finished", steps)
    names = sorted(file.name for file in (tmp_path / "run" / "0" / "checkpoints").iterdir())
    assert names == ["last.ckpt", f"step-{steps:06d}.ckpt"]
    assert last_step(tmp_path / "run" / "0") == steps


def test_a_signal_during_validation(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is seen at the end of the next step; the validation is complete."""
    signal_in(monkeypatch, "validation_step", 7)
    assert run_here(monkeypatch, tmp_path, *options(sice, "hydra.run.dir=run/0")) == 143
    run = tmp_path / "run" / "0"
    assert (read_result(run)["last_step"], last_step(run)) == (8, 8)
    assert read_metrics(run)[6]["val/exp"]
    assert not read_metrics(run)[7]["val/exp"]


def test_without_checkpoints_it_says_so(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    signal_in(monkeypatch, "training_step", 2)
    given = options(sice, "hydra.run.dir=run/0", "callbacks.checkpoints=null")
    assert run_here(monkeypatch, tmp_path, *given) == 143
    assert read_result(tmp_path / "run" / "0")["last_step"] == 3
    log = (tmp_path / "run" / "0" / "train.log").read_text()
    assert "stopped by SIGTERM after step 3 WITHOUT a checkpoint of that step" in log
    assert "start the run anew" in log


def test_measuring_stops_at_once(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signal_in(monkeypatch, "validation_step", 0)
    assert run_here(monkeypatch, tmp_path, *options(sice, "hydra.run.dir=run/0", "trainer.max_steps=0")) == 143
    assert read_result(tmp_path / "run" / "0")["state"] == "interrupted"
    assert "before training began" in (tmp_path / "run" / "0" / "train.log").read_text()


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """A shell's background job, as the tests may be, ignores Ctrl-C."""
    inherited = signal.signal(INT, signal.default_int_handler)
    yield
    assert signal.getsignal(INT) is signal.default_int_handler
    signal.signal(INT, inherited)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run stops at the end of the step with a checkpoint, and says how it goes on; twice, it stops at once."""
    run, arguments = tmp_path / "run" / "0", [*options(sice), "hydra.run.dir=run/0"]
    for step in (2, 4):
        with monkeypatch.context() as patch:
            signal_in(patch, "training_step", step, INT)
            assert run_here(monkeypatch, tmp_path, *arguments) == 130
        assert (read_result(run)["state"], read_result(run)["last_step"]) == ("interrupted", last_step(run))
        assert last_step(run) == step + 1
        assert f"stopped by Ctrl-C after step {step + 1}. Continue with: python -m" in (run / "train.log").read_text()
        arguments = ["resume=run/0"]
    signal_in(monkeypatch, "training_step", 6, INT)
    signal_in(monkeypatch, "on_before_optimizer_step", 6, INT)
    assert run_here(monkeypatch, tmp_path, "resume=run/0") == 130
    assert (read_result(run)["state"], last_step(run)) == ("interrupted", 5)
    assert "stopped by Ctrl-C at once, in the middle of a step. Continue with" in (run / "train.log").read_text()
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_in_a_background_job(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell lets it ignore Ctrl-C, which is for the job in the foreground."""
    before = signal.signal(INT, signal.SIG_IGN)
    try:
        signal_in(monkeypatch, "training_step", 2, INT)
        given = options(sice, "hydra.run.dir=run/0", "trainer.max_steps=4")
        assert run_here(monkeypatch, tmp_path, *given) == 0
    finally:
        signal.signal(INT, before)


def test_several_processes_ask_each_other_after_logged_steps_alone() -> None:
    asked: list[int] = []

    def reduce(tensor: Any, reduce_op: str) -> Any:
        asked.append(int(tensor))
        return tensor

    def trainer_at(step: int) -> Any:
        strategy = SimpleNamespace(root_device=torch.device("cpu"), reduce=reduce)
        return SimpleNamespace(world_size=2, log_every_n_steps=5, global_step=step, strategy=strategy)

    signals = StopSignals()
    signals.received = TERM
    interruption = stopping.Interruption(signals)
    assert [interruption._agree(trainer_at(step)) for step in (3, 4, 5, 6)] == [None, None, TERM, None]
    assert len(asked) == 1


@pytest.mark.slow
def test_ctrl_c_in_the_first_seconds(sice: Path, tmp_path: Path) -> None:
    """While packages are imported, the configuration is composed, or training begins: one line, and no traceback."""
    seconds = random.Random(0)
    for number in range(6):
        process = subprocess.Popen(
            [sys.executable, "-m", "zero_dce.train", *options(sice, f"hydra.run.dir=run/{number}")],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(INT, signal.default_int_handler),
        )
        time.sleep(seconds.uniform(1, 6))
        process.send_signal(INT)
        printed, _ = process.communicate(timeout=100)
        assert process.returncode == 130, printed
        assert "Traceback" not in printed
        lines = [line for line in printed.splitlines() if "stopped by Ctrl-C" in line]
        assert len(lines) == 1, printed


def read_slowly() -> None:
    """In a process of its own: reading takes long, and says when it is at it."""
    read = survey._digest

    def slow(file: Path) -> str:
        Path("reading").touch()
        time.sleep(0.2)
        return read(file)

    survey._digest = slow
    survey.Counter = lambda sizes: dict.fromkeys(sizes, 2)  # type: ignore[attr-defined]  # so that each is hashed


@pytest.mark.slow
@pytest.mark.parametrize("number", [INT, TERM, USR1])
def test_while_data_is_read(number: int, sice: Path, tmp_path: Path) -> None:
    """There is nothing to keep: at once, however long the rest would take."""
    cache = {"ZERO_DCE_CACHE": str(tmp_path / "cache")}
    process = start(tmp_path, options(sice, "hydra.run.dir=run/0"), cache, prepare=read_slowly)
    wait_for((tmp_path / "reading").exists, [process])
    send([process], number)
    assert exit_code(process) == 128 + number
    result = read_result(tmp_path / "run" / "0")
    assert (result["state"], result["error"], result["last_step"]) == ("interrupted", None, 0)
    assert "before training began" in (tmp_path / "output-0.txt").read_text()
    assert not list((tmp_path / "cache").rglob("*.unfinished"))


@pytest.mark.slow
def test_last_checkpoint_by_the_clock(sice: Path, tmp_path: Path) -> None:
    """kill -9 loses little where checkpoints are rare: last.ckpt follows the clock too."""
    given = options(sice, "callbacks.checkpoints.every_n_minutes=0.0001", "every_n_steps=1000000")
    run, moments = tmp_path / "parts" / "0", random.Random(9)
    arguments, steps = [*given, "hydra.run.dir=parts/0"], [0]
    for _ in range(8):
        begun = changed(run / "checkpoints" / "last.ckpt")
        process = start(tmp_path, arguments)
        wait_for(begun, [process])
        process.join(moments.uniform(0, LATEST_S))
        process.kill()
        process.join()
        assert step_checkpoints(run) == []
        steps.append(last_step(run))
        arguments = ["resume=parts/0"]
    assert steps == sorted({*steps}), "each part got further"
    assert_as_if_whole(tmp_path, given)


@pytest.mark.slow
def test_the_clock_of_two_processes(sice: Path, tmp_path: Path) -> None:
    given = options(sice, *DDP, "callbacks.checkpoints.every_n_minutes=0.0001", "every_n_steps=1000000")
    run = tmp_path / "parts" / "0"
    arguments = [*given, "hydra.run.dir=parts/0"]
    for _ in range(2):
        begun = changed(run / "checkpoints" / "last.ckpt")
        both = [start(tmp_path, arguments, extra, rank) for rank, extra in enumerate(ranks(free_port()))]
        wait_for(begun, both)
        for process in both:
            process.kill()
            process.join()
        arguments = ["resume=parts/0"]
    assert_as_if_whole(tmp_path, given, ranks(free_port()))


SWEEP = ["seed=1,2", "hydra.sweep.dir=sweep", "-m"]


@pytest.mark.usefixtures("not_estimated")
def test_a_sweep_ends_with_its_table(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signal_in(monkeypatch, "training_step", 2)
    assert run_here(monkeypatch, tmp_path, *options(sice), *SWEEP) == 143
    assert read_result(tmp_path / "sweep" / "0")["state"] == "interrupted"
    assert last_step(tmp_path / "sweep" / "0") == 3
    assert not (tmp_path / "sweep" / "1").exists()
    printed = capsys.readouterr().out
    assert "interrupted" in printed
    assert (tmp_path / "sweep" / "sweep.csv").is_file()


@pytest.mark.usefixtures("not_estimated")
def test_a_signal_in_a_runs_last_step_ends_the_sweep(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal_in(monkeypatch, "training_step", 3)
    assert run_here(monkeypatch, tmp_path, *options(sice, "trainer.max_steps=4"), *SWEEP) == 143
    assert read_result(tmp_path / "sweep" / "0")["state"] == "finished"
    assert not (tmp_path / "sweep" / "1" / "result.json").exists()
    assert (tmp_path / "sweep" / "sweep.csv").is_file()


# SLURM's own command, as far as a run sees it.
SCONTROL = """#!/bin/sh
cat {run}/result.json > {folder}/result-at-requeue.json
echo "$@" >> {folder}/scontrol.txt
"""


def fake_scontrol(folder: Path, run: Path, *then: str) -> dict[str, str]:
    """Put a ``scontrol`` on the path that notes its arguments."""
    file = folder / "bin" / "scontrol"
    file.parent.mkdir(exist_ok=True)
    file.write_text(SCONTROL.format(run=run, folder=folder) + "\n".join(then) + "\n")
    file.chmod(0o755)
    return {"PATH": f"{file.parent}:{os.environ['PATH']}"}


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 2])
def test_a_job_is_requeued_and_continues(tasks: int, sice: Path, tmp_path: Path) -> None:
    """The same command line each time, as SLURM starts the same script again; one task of an array."""
    given, run = options(sice, *(DDP if tasks == 2 else [])), tmp_path / "parts" / "0"
    path = fake_scontrol(tmp_path, run, f"kill -TERM $(cat {tmp_path}/pids)")
    array = {"SLURM_ARRAY_JOB_ID": "42", "SLURM_ARRAY_TASK_ID": "7"}
    steps = [0]
    for count, number in enumerate((USR1, USR2, USR2)):
        begun = changed(run / "checkpoints" / "last.ckpt")
        environments = slurm_tasks(free_port(), tasks, SLURM_RESTART_COUNT=str(count), **array, **path)
        command = [*given, "hydra.run.dir=parts/0"]
        processes = [start(tmp_path, command, extra, rank) for rank, extra in enumerate(environments)]
        (tmp_path / "pids").write_text(" ".join(str(process.pid) for process in processes))
        wait_for(begun, processes)
        send(processes, number)
        # Ended by SLURM, in time, while they wait for it.
        assert [exit_code(p) for p in processes] == [128 + number] * tasks, (tmp_path / "output-0.txt").read_text()
        assert '"interrupted"' in (tmp_path / "result-at-requeue.json").read_text(), "the result was there before"
        steps.append(last_step(run))
    assert (tmp_path / "scontrol.txt").read_text().splitlines() == ["requeue 42_7"] * 3, "the first process alone asks"
    assert steps == sorted({*steps}), "each part got further"
    assert not (run / "requeues.json").exists()
    assert_as_if_whole(tmp_path, given, ranks(free_port()) if tasks == 2 else [{}])


@pytest.mark.slow
def test_sigterm_under_slurm_requeues_nothing(sice: Path, tmp_path: Path) -> None:
    """A job that somebody cancels stays cancelled."""
    run = tmp_path / "run" / "0"
    (extra,) = slurm_tasks(free_port(), 1, **fake_scontrol(tmp_path, run))
    process = start(tmp_path, [*options(sice), "hydra.run.dir=run/0"], extra)
    wait_for((run / "checkpoints" / "last.ckpt").exists, [process])
    send([process], TERM)
    assert exit_code(process) == 143
    assert not (tmp_path / "scontrol.txt").exists()
    assert last_step(run) == read_result(run)["last_step"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("refuses", "ended with 3 and said: slurm_update error: Access/permission denied"),
        ("missing", "No such file or directory: 'scontrol'"),
    ],
)
def test_a_requeue_that_fails_says_how_to_go_on(path: str, expected: str, sice: Path, tmp_path: Path) -> None:
    run = tmp_path / "run" / "0"
    refusal = ("echo slurm_update error: Access/permission denied >&2", "exit 3")
    environment = fake_scontrol(tmp_path, run, *refusal) if path == "refuses" else {"PATH": str(tmp_path)}
    (extra,) = slurm_tasks(free_port(), 1, **environment)
    process = start(tmp_path, [*options(sice), "hydra.run.dir=run/0"], extra)
    wait_for((run / "checkpoints" / "last.ckpt").exists, [process])
    send([process], USR2)
    assert exit_code(process) == 1
    output = (tmp_path / "output-0.txt").read_text()
    assert "job 4711 was not requeued" in output
    assert expected in output
    assert f"Continue with: python -m zero_dce.train resume={run}" in output
    assert "Traceback" not in output
    result = read_result(run)
    assert (result["state"], result["last_step"]) == ("interrupted", last_step(run))


def never_ready() -> None:
    """In a process of its own: a start that takes longer than the time limit."""

    def setup(self: ExposureDataModule, stage: str | None = None) -> None:
        Path("reading").touch()
        time.sleep(600)

    ExposureDataModule.setup = setup  # type: ignore[method-assign]


@pytest.mark.slow
def test_a_job_that_never_gets_to_a_step_is_not_requeued_for_ever(sice: Path, tmp_path: Path) -> None:
    run = tmp_path / "run" / "0"
    path = fake_scontrol(tmp_path, run, "kill -TERM $PPID")
    codes = []
    for count in range(4):
        (extra,) = slurm_tasks(free_port(), 1, SLURM_RESTART_COUNT=str(count), **path)
        (tmp_path / "reading").unlink(missing_ok=True)
        process = start(tmp_path, [*options(sice), "hydra.run.dir=run/0"], extra, prepare=never_ready)
        wait_for((tmp_path / "reading").exists, [process])
        send([process], USR1)
        codes.append(exit_code(process))
    assert codes == [128 + USR1] * 3 + [1]
    assert len((tmp_path / "scontrol.txt").read_text().splitlines()) == 3
    output = (tmp_path / "output-0.txt").read_text()
    assert "job 4711 was stopped 4 times in a row before it had saved a step, and is not requeued again" in output
    assert "sbatch --time" in output
    assert read_result(run)["state"] == "interrupted"


def test_a_requeued_job_begins_again_where_it_has_no_checkpoint(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = options(sice, "trainer.max_steps=3", "hydra.run.dir=run/0")
    with monkeypatch.context() as patch:
        patch.setattr(ZeroDCE, "configure_optimizers", "as if killed")
        assert run_here(monkeypatch, tmp_path, *given) == 1
    assert run_here(monkeypatch, tmp_path, *given) == 1, "it already holds a run"
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert run_here(monkeypatch, tmp_path, *given) == 0
    assert read_result(tmp_path / "run" / "0")["last_step"] == 3


def test_slurm_that_does_not_end_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in slurm_tasks(free_port(), 1, **fake_scontrol(tmp_path, tmp_path)).pop().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stopping, "SECONDS_TO_BE_ENDED", 0.1)

    def stop(in_sweep: bool) -> None:
        with StopSignals() as signals, stopping.requeue_when_stopped(tmp_path, signals, in_sweep):
            raise Interrupted(USR1, 3, saved=True)

    with pytest.raises(stopping.RequeueError, match=r"SLURM accepted .* job 4711 and has not ended it.* start the run"):
        stop(in_sweep=False)
    # The requeued job would begin the sweep anew.
    with pytest.raises(Interrupted):
        stop(in_sweep=True)
    assert (tmp_path / "scontrol.txt").read_text() == "requeue 4711\n"


def test_the_trainers_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    own: dict[str, Any] = {"_target_": "lightning.pytorch.plugins.io.TorchCheckpointIO"}
    environment = {"_target_": "lightning.fabric.plugins.environments.LightningEnvironment"}
    allowed = partial(targets_allowed, [own["_target_"], environment["_target_"]])
    assert with_cluster(OmegaConf.create({"plugins": own})) == {}, "outside a cluster the Trainer does it"
    for name, value in slurm_tasks(1).pop().items():
        monkeypatch.setenv(name, value)
    for configured, kinds in (
        ({}, []),
        ({"plugins": own}, [TorchCheckpointIO]),
        ({"plugins": [own]}, [TorchCheckpointIO]),
    ):
        with allowed():
            plugins = with_cluster(OmegaConf.create(configured))["plugins"]
        assert [type(plugin) for plugin in plugins] == [*kinds, SLURMEnvironment]
        assert not plugins[-1].auto_requeue
    with allowed():
        assert with_cluster(OmegaConf.create({"plugins": [environment]})) == {}, "what is configured stays"
