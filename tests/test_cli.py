"""The command line in processes of its own, on two processes; the console script."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import zero_dce
from tests.helpers.processes import run_on_two
from tests.helpers.runs import read_metrics, read_result, read_wandb, run_apart, tiny
from zero_dce import cli


@pytest.mark.slow
def test_wrong_input_ends_with_1(tmp_path: Path) -> None:
    done = run_apart(tmp_path, "data=sice", "data.root=/nowhere")
    assert done.returncode == 1
    assert "the folder /nowhere does not exist" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_processes_leave_one_run(sice: Path, tmp_path: Path) -> None:
    """One W&B run and one set of checkpoints; that the numbers are right is in test_processes.py."""
    parallel = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "data.batch_size=1"]
    double = run_apart(tmp_path, *tiny(sice), *parallel, "hydra.run.dir=double/0")
    assert double.returncode == 0, double.stderr
    assert "Warning" not in double.stderr
    assert len(list((tmp_path / "double").glob("wandb/offline-run-*"))) == 1
    assert read_wandb(tmp_path / "double" / "wandb")
    assert len(list((tmp_path / "double" / "0" / "checkpoints").iterdir())) == 3


@pytest.mark.slow
def test_a_swept_run_is_resumed_on_two_processes(sice: Path, tmp_path: Path) -> None:
    options = tiny(sice, "+sweep=loss_weights", "loss.weights.exp=3", "logger=csv", "hydra.sweep.dir=sweep")
    assert run_apart(tmp_path, *options, "loss.weights.tv=200,300").returncode == 0
    parallel = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "data.batch_size=1"]
    codes, printed = run_on_two(tmp_path, ["resume=sweep/1", "trainer.max_steps=6", *parallel])
    assert codes == [0, 0], printed
    assert [row["step"] for row in read_metrics(tmp_path / "sweep" / "1")] == [str(step) for step in range(1, 7)]
    assert read_result(tmp_path / "sweep" / "1")["weights"]["tv"] == 300


@pytest.mark.slow
def test_a_loss_that_breaks_on_one_process_stops_both(sice: Path, tmp_path: Path) -> None:
    """The learning rate blows the weights up; all processes stop together, and the first one says why."""
    parallel = ["trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "model.learning_rate=1e30"]
    options = tiny(sice, *parallel, "trainer.max_steps=6", "logger=csv", "hydra.run.dir=run/0")
    codes, _ = run_on_two(tmp_path, options)
    assert codes == [1, 1]
    result = read_result(tmp_path / "run" / "0")
    assert result["state"] == "failed"
    assert "the loss is not finite after" in result["error"] or "the weights are not finite" in result["error"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 0, "usage: zero-dce COMMAND"),
        (["--version"], 0, f"zero_dce {zero_dce.__version__}"),
        (["inspect", "--help"], 0, "--sheet"),
        (["polish"], 1, "there is no command 'polish'"),
        (["--install-completion", "tcsh"], 1, "cannot complete in the shell 'tcsh'; expected zero-dce"),
        (["enhance", "--help"], 0, "--output DIR"),
        (["export", "--help"], 0, "--format"),
        (["evaluate", "--help"], 0, "--pairs CSV"),
        (["review", "--help"], 0, "dashboard"),
        (["train", "--help"], 0, "== Configuration groups =="),
    ],
)
def test_the_console_script(
    arguments: list[str], code: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    GlobalHydra.instance().clear()
    monkeypatch.setattr(sys, "argv", ["zero-dce", *arguments])
    ended: str | int | None = None
    try:
        cli.main()
    except SystemExit as stop:
        ended = stop.code
    assert (1 if isinstance(ended, str) else ended or 0) == code
    printed = capsys.readouterr()
    assert message in f"{printed.out}{printed.err}{ended}"
