"""Whether a tracker holds a run whole, in a process of its own: ``python -m tests.endurance.tracked mlflow RUN``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.helpers.trackers import (
    Tracked,
    assert_whole,
    mlflow_client,
    mlflow_run,
    read_mlflow,
    read_tensorboard,
    read_trackio,
)


def main() -> None:
    """End with an AssertionError unless each step is there once, with its numbers and pictures."""
    name, run = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        assert_whole(_read(name, run, Path(folder)), run, [0, 2, 4])


def _read(name: str, run: Path, folder: Path) -> Tracked:
    if name == "tensorboard":
        return read_tensorboard(run)
    if name == "trackio":
        return read_trackio(run)
    return read_mlflow(mlflow_client(run.parent), mlflow_run(run.parent, run).info.run_id, folder)


if __name__ == "__main__":
    main()
