"""What a version of W&B must do with a run: keep and send step 0, every row and every picture.

It is the same for every version: this file alone tells whether one can be used. It needs the installed ``wandb`` and
this machine's loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import wandb
from PIL import Image

from tests.helpers.arrived import assert_arrived, online
from tests.helpers.runs import read_metrics, read_wandb, run_apart, tiny, wandb_rows
from tests.helpers.trackers import sample
from tests.helpers.wandb_server import serve

pytestmark = pytest.mark.slow
STEPS = [0, 2, 4]


@pytest.fixture(scope="module")
def offline(sice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was logged offline."""
    folder = tmp_path_factory.mktemp(f"wandb-{wandb.__version__}")
    done = run_apart(folder, *tiny(sice, "hydra.run.dir=offline/0"))
    assert done.returncode == 0, done.stderr
    return folder / "offline" / "0"


def test_an_offline_run_holds_everything(offline: Path) -> None:
    rows = {row["_step"]: row for row in wandb_rows(read_wandb(offline.parent / "wandb"))}
    assert sorted(rows) == [0, 1, 2, 3, 4]
    for row in read_metrics(offline):
        for name, value in row.items():
            if name != "step" and value:
                logged = float(rows[int(row["step"])][name])
                assert logged == pytest.approx(float(value), rel=1e-6, nan_ok=True), (row["step"], name)
    (folder,) = (offline.parent / "wandb").glob("offline-run-*")
    for step in STEPS:
        for number in ("00", "01"):
            with Image.open(folder / "files" / rows[step][f"samples/{number}.filenames"][0]) as image:
                np.testing.assert_array_equal(np.asarray(image.convert("RGB")), sample(offline, step, number))


def test_a_sync_sends_everything(offline: Path, tmp_path: Path) -> None:
    folders = [str(folder) for folder in (offline.parent / "wandb").glob("offline-run-*")]
    with serve() as server:
        environment = {**os.environ, **online(server, tmp_path)}
        command = [sys.executable, "-m", "wandb", "sync", *folders]
        done = subprocess.run(command, env=environment, timeout=120, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        (arrived,) = server.runs.values()
        assert_arrived(arrived, offline, STEPS)
        assert arrived.config["loss"]["weights"]["exp"] == 10
        assert (arrived.tags, arrived.exit_code) == (["SICE", "loss-official"], 0)


def test_an_online_run_sends_everything(sice: Path, tmp_path: Path) -> None:
    with serve() as server:
        options = tiny(sice, "logger=wandb_online", "hydra.run.dir=online/0")
        done = run_apart(tmp_path, *options, **online(server, tmp_path))
        assert done.returncode == 0, done.stderr
        (arrived,) = server.runs.values()
        assert_arrived(arrived, tmp_path / "online" / "0", STEPS)
        assert arrived.config["logger"]["wandb"]["mode"] == "online"
        assert (arrived.tags, arrived.exit_code) == (["SICE", "loss-official"], 0)
