"""The command line in processes of its own: from an installed wheel, on two processes; the console script."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

import zero_dce
from tests.helpers.paths import ROOT
from tests.helpers.processes import run_on_two
from tests.helpers.runs import read_metrics, read_result, read_wandb, run_apart, run_fresh, tiny
from zero_dce import cli


@pytest.mark.slow
def test_wrong_input_ends_with_1(tmp_path: Path) -> None:
    done = run_apart(tmp_path, "data=sice", "data.root=/nowhere")
    assert done.returncode == 1
    assert "the folder /nowhere does not exist" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("conf", "hydra_plugins", "zero_dce"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-q",
        "-w",
        str(target),
        str(source),
    ]
    built = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True)
    assert "absent from the `packages`" not in built.stdout + built.stderr
    (file,) = target.glob("*.whl")
    return file


@pytest.mark.slow
def test_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 6_000_000


@pytest.mark.slow
def test_an_installed_wheel_brings_its_configuration(wheel: Path, sice: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "-q",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(command, check=True, timeout=120)
    place = "import zero_dce.train.configuration as c; print(c.config_folder())"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    found = subprocess.run(
        [sys.executable, "-c", place], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()) == site / "zero_dce" / "conf"
    options = tiny(sice, "+sweep=loss_weights", "loss.weights.exp=3", "logger=csv")
    done = run_fresh(tmp_path, *options, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs" / "loss_weights").iterdir()
    assert [read_result(folder / number)["state"] for number in "01"] == ["finished", "finished"]


@pytest.mark.slow
def test_sample_and_configuration_ship_in_the_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    configuration = {
        f"zero_dce/conf/{file.relative_to(ROOT / 'conf').as_posix()}" for file in (ROOT / "conf").rglob("*.yaml")
    }
    assert configuration <= set(names)
    assert "zero_dce/data/photographs/attribution.csv" in names
    assert sum(name.endswith(".jpg") for name in names) == 15
    assert any(name.endswith("LICENSE") for name in names)
    assert {"zero_dce/enhance/trained.safetensors", "zero_dce/enhance/trained.md"} <= set(names)


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
