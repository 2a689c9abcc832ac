"""Whether a run has arrived whole at the W&B server of the tests."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.runs import read_metrics
from tests.helpers.trackers import sample
from tests.helpers.wandb_server import KEY, Run, Server


def online(server: Server, home: Path) -> dict[str, str]:
    """The environment of somebody who is logged in."""
    return {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": KEY, "HOME": str(home)}


def assert_arrived(arrived: Run, run: Path, steps: list[int]) -> None:
    """Each step is there once, with the numbers of metrics.csv and the pictures of the run's folder."""
    rows = {row["_step"]: row for row in arrived.rows}
    assert [row["_step"] for row in arrived.rows] == sorted(rows)
    metrics = {int(row["step"]): row for row in read_metrics(run)}
    assert [*rows] == sorted({*metrics, *steps})
    for step, row in metrics.items():
        for name, value in row.items():
            if name != "step" and value:
                assert float(rows[step][name]) == pytest.approx(float(value), rel=1e-6, nan_ok=True), (step, name)
    for step in steps:
        for number in (0, 1):
            sent = rows[step][f"samples/{number:02d}"]
            picture = arrived.files[sent["filenames"][0]]
            pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
            np.testing.assert_array_equal(pixels, sample(run, step, f"{number:02d}"))
            assert sent["captions"][0].startswith(f"step {step} · Dataset_Part1/")
