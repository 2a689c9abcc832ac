"""A run with several trackers at once, stopped and resumed, that the tests of each tracker look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers.processes import Command
from tests.helpers.runs import read_result, tiny
from tests.helpers.trackers import (
    TRIED_VARIABLE,
    forbid_network,
    mlflow_run,
    stop_at_validation_four,
    trackio_run,
)


@dataclass
class Resumed:
    """A run of 6 steps, stopped at step 4, with pictures at steps 0, 2, 4 and 6; and what was said when it stopped."""

    run: Path
    printed: str
    mlflow_status: str
    trackio_alerts: list[tuple[str, str]]

    @property
    def folder(self) -> Path:
        """What several runs share."""
        return self.run.parent


@pytest.fixture(scope="package")
def resumed(sice: Path, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    folder = tmp_path_factory.mktemp("several")
    # Somebody is logged in to Hugging Face, where Trackio would ask who it is, and send runs to.
    hub = {"HF_TOKEN": "hf_0123456789", "TRACKIO_SPACE_ID": "someone/space", "TRACKIO_SERVER_URL": "http://127.0.0.1:9"}
    environment = {TRIED_VARIABLE: str(folder / "tried.txt"), **hub}
    options = tiny(sice, "logger=[mlflow,trackio,tensorboard]", "hydra.run.dir=runs/today/0")
    stopped = Command("zero_dce.train", options, folder, environment, stop_at_validation_four)
    assert stopped.wait() == 1, stopped.errors()
    run = folder / "runs" / "today" / "0"
    assert read_result(run)["state"] == "interrupted"
    status = mlflow_run(run.parent, run).info.status
    alerts = [(alert["title"], alert["level"]) for alert in trackio_run(run).alerts()]
    more = ["resume=runs/today/0", "trainer.max_steps=6"]
    whole = Command("zero_dce.train", more, folder, environment, forbid_network)
    assert whole.wait() == 0, whole.errors()
    assert not (folder / "tried.txt").exists(), (folder / "tried.txt").read_text()
    return Resumed(run, whole.output() + whole.errors(), status, alerts)
