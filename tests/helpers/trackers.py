"""What trackers hold of a run, each read with its own interface; and a process that may use no network."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers.runs import read_metrics
from zero_dce.images.decode import Pixels
from zero_dce.images.sheets import side_by_side
from zero_dce.module import ZeroDCE

# In this file, a process notes what it has tried to reach.
TRIED_VARIABLE = "ZERO_DCE_TESTS_TRIED"


@dataclass
class Tracked:
    """Every number and every picture of one run, in a list, so that what is there twice is seen."""

    numbers: list[tuple[int, str, float]] = field(default_factory=list)
    pictures: list[tuple[int, str, Pixels]] = field(default_factory=list)


def assert_whole(tracked: Tracked, run: Path, steps: list[int], extra: tuple[str, ...] = ()) -> None:
    """Each step is there once, with the keys and numbers of metrics.csv and the pictures of the run's folder."""
    expected = {
        (int(row["step"]), name): float(value)
        for row in read_metrics(run)
        for name, value in row.items()
        if name != "step" and value
    }
    found = {(step, name): value for step, name, value in tracked.numbers if name not in extra}
    assert found.keys() == expected.keys()
    assert len(found) == len([name for _, name, _ in tracked.numbers if name not in extra]), "each once"
    for place, value in expected.items():
        assert found[place] == pytest.approx(value, rel=1e-6, nan_ok=True), place
    places = [(step, key) for step, key, _ in tracked.pictures]
    assert sorted(places) == [(step, f"samples/{number:02d}") for step in steps for number in (0, 1)]
    for step, key, pixels in tracked.pictures:
        np.testing.assert_array_equal(pixels, sample(run, step, key.partition("/")[2]))


def sample(run: Path, step: int, number: str) -> Pixels:
    """The sample picture of a step beside its input, from the run's folder."""
    folder = run / "samples" / f"step-{step:06d}"
    before, after = (np.asarray(Image.open(folder / f"{number}_{side}.png")) for side in ("input", "output"))
    return side_by_side(before, after)


def mlflow_run(sweep: Path, run: Path) -> Any:
    """The MLflow run of a run's folder, from the store of its sweep's folder."""
    return mlflow_client(sweep).get_run((run / "mlflow_id.txt").read_text().split()[-1])


def mlflow_client(sweep: Path) -> Any:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{sweep / 'mlflow' / 'mlflow.db'}")


def read_mlflow(client: Any, run_id: str, folder: Path) -> Tracked:
    """What MLflow holds of a run; pictures are downloaded into ``folder``."""
    tracked = Tracked()
    for key in client.get_run(run_id).data.metrics:
        tracked.numbers += [(point.step, key, point.value) for point in client.get_metric_history(run_id, key)]
    folder.mkdir(exist_ok=True)
    for file in client.list_artifacts(run_id, "images"):
        if file.path.endswith(".png"):
            key, _, step, *_ = Path(file.path).name.split("+")
            with Image.open(client.download_artifacts(run_id, file.path, str(folder))) as image:
                tracked.pictures.append((int(step), key.replace("~", "/"), np.asarray(image)))
    return tracked


def trackio_run(run: Path) -> Any:
    """The Trackio run of a run's folder."""
    import trackio

    run_id = (run / "trackio_id.txt").read_text().strip()
    return next(found for found in trackio.Api().runs(trackio_project(run)) if found.id == run_id)


def trackio_project(run: Path) -> str:
    return f"{run.parent.parent.name}-{run.parent.name}"


def read_trackio(run: Path) -> Tracked:
    """What Trackio holds of a run."""
    from trackio.sqlite_storage import SQLiteStorage
    from trackio.utils import MEDIA_DIR

    tracked, found = Tracked(), trackio_run(run)
    for row in SQLiteStorage.get_logs(found.project, found.name, run_id=found.id):
        for key, value in row.items():
            if isinstance(value, Mapping):
                assert str(value["caption"]).startswith(f"step {row['step']} ")
                with Image.open(MEDIA_DIR / str(value["file_path"])) as image:
                    tracked.pictures.append((row["step"], key, np.asarray(image.convert("RGB"))))
            elif key not in ("step", "timestamp"):
                tracked.numbers.append((row["step"], key, float(value)))
    return tracked


def read_tensorboard(run: Path) -> Tracked:
    """What TensorBoard shows of a run."""
    import io

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events, tracked = EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0, "scalars": 0}), Tracked()
    events.Reload()
    for key in events.Tags()["scalars"]:
        tracked.numbers += [(event.step, key, event.value) for event in events.Scalars(key)]
    for key in events.Tags()["images"]:
        for event in events.Images(key):
            with Image.open(io.BytesIO(event.encoded_image_string)) as image:
                tracked.pictures.append((event.step, key, np.asarray(image)))
    return tracked


def forbid_network() -> None:
    """In a process of its own: let nothing be asked, no server be started and no program, and note what was tried."""
    # When it is imported, it binds a socket to see whether there is IPv6.
    import urllib3  # noqa: F401

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        network = event in ("socket.connect", "socket.bind") and arguments[0].family in (
            socket.AF_INET,
            socket.AF_INET6,
        )
        # What a run's environment.json says comes from these two.
        program = event == "subprocess.Popen" and arguments[0] not in ("git", "uname")
        if network or program or event in ("socket.getaddrinfo", "webbrowser.open"):
            with Path(os.environ[TRIED_VARIABLE]).open("a") as file:
                print(event, arguments, file=file)
            raise OSError("this test forbids the network and further programs")

    sys.addaudithook(hook)


def stop_at_validation_four() -> None:
    """In a process of its own: no network, and as Ctrl-C in the validation of step 4."""
    forbid_network()
    stop_in_validation()


def stop_in_validation() -> None:
    """In a process of its own: as Ctrl-C in the validation of step 4."""
    end = ZeroDCE.on_validation_epoch_end

    def stop(self: ZeroDCE) -> None:
        if self.global_step == 4:
            raise KeyboardInterrupt
        end(self)

    ZeroDCE.on_validation_epoch_end = stop  # type: ignore[method-assign]
