"""Ways of starting a sweep that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.launching import three_runs
from tests.helpers.runs import run_here


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
    assert run_here(monkeypatch, tmp_path, *three_runs(sice, "hydra.sweep.dir=sweep")) == 1
    message = capsys.readouterr().err
    assert f"the sweep was started by {name}" in message
    assert "trainer=ddp trainer.devices=N" in message
    assert not (tmp_path / "sweep").exists()


def test_another_launcher_is_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib = "hydra.launcher._target_=hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
    assert run_here(monkeypatch, tmp_path, *three_runs(sice, joblib, "hydra.sweep.dir=sweep")) == 1
    assert "Use hydra/launcher=local hydra.launcher.slots=N" in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()
