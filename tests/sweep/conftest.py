"""Sweeps of three runs, to be continued."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.runs import run_here, tiny

GRID = ("+sweep=loss_weights", "loss.weights.exp=3,1e39,10", "loss.weights.tv=200")


@pytest.fixture(scope="session")
def swept(sice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of three runs: one finished, one failed (a loss beyond float32), one finished."""
    folder = tmp_path_factory.mktemp("swept")
    with pytest.MonkeyPatch.context() as patch:
        assert run_here(patch, folder, *tiny(sice, *GRID, "logger=csv", "hydra.sweep.dir=sweep")) == 1
    return folder / "sweep"


@pytest.fixture
def sweep(swept: Path, tmp_path: Path) -> Path:
    """The same, with the last run stopped at step 2 as a kill would."""
    folder = Path(shutil.copytree(swept, tmp_path / "sweep"))
    checkpoints = folder / "2" / "checkpoints"
    (checkpoints / "step-000004.ckpt").unlink()
    shutil.copyfile(checkpoints / "step-000002.ckpt", checkpoints / "last.ckpt")
    (folder / "2" / "result.json").unlink()
    return folder
