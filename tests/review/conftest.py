"""A small sweep to look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.runs import run_apart, tiny

GRID = ["+sweep=loss_weights", "loss.weights.exp=3,10", "loss.weights.tv=200", "hydra.sweep.dir=grid/today"]


@pytest.fixture(scope="module")
def finished(sice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of four steps, with checkpoints of the steps 2 and 4; read only."""
    folder = tmp_path_factory.mktemp("finished")
    done = run_apart(folder, *tiny(sice, *GRID))
    assert done.returncode == 0, done.stderr
    return folder / "grid" / "today"


@pytest.fixture
def sweep(finished: Path, tmp_path: Path) -> Path:
    """A copy of one's own."""
    return Path(shutil.copytree(finished, tmp_path / "grid" / "today"))
