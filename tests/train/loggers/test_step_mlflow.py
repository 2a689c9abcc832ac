"""MLflow's store on disk, and a server on loopback, read back with MLflow's own client."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT
from omegaconf import OmegaConf

from tests.helpers.processes import free_port
from tests.helpers.runs import read_metrics, run_apart, run_here, tiny
from tests.helpers.trackers import (
    Tracked,
    assert_whole,
    mlflow_client,
    mlflow_run,
    read_mlflow,
    read_trackio,
    trackio_run,
)
from tests.train.loggers.conftest import Resumed
from zero_dce.train.configuration import targets_allowed
from zero_dce.train.loggers.mlflow_address import URI_VARIABLE
from zero_dce.train.loggers.step_mlflow import StepMLFlowLogger
from zero_dce.train.loggers.tracker import Picture
from zero_dce.train.result import open_loggers

PICTURE = Picture(np.full((4, 6, 3), 9, np.uint8), "grey")


def logger(folder: Path, **options: Any) -> StepMLFlowLogger:
    run = folder / "0"
    run.mkdir(parents=True, exist_ok=True)
    names = {"experiment_name": "grid/today", "run_name": "exp=3", "tags": {"data": "NOT SICE"}}
    names |= {"parameters": ["seed"], "chosen": []}
    places = {"tracking_uri": "", "save_dir": str(folder / "mlflow"), "id_file": str(run / "mlflow_id.txt")}
    return StepMLFlowLogger(**{**places, **names, **options})


def held(folder: Path) -> Tracked:
    return read_mlflow(mlflow_client(folder), mlflow_run(folder, folder / "0").info.run_id, folder / "pictures")


def steps(folder: Path) -> list[int]:
    return [step for step, _, _ in held(folder).numbers]


@pytest.mark.slow
def test_a_resumed_run_is_whole(resumed: Resumed, tmp_path: Path) -> None:
    assert resumed.mlflow_status == "KILLED"
    client, found = mlflow_client(resumed.folder), mlflow_run(resumed.folder, resumed.run)
    assert_whole(read_mlflow(client, found.info.run_id, tmp_path), resumed.run, [0, 2, 4, 6])
    assert (found.info.run_name, found.info.status) == ("today", "FINISHED")
    assert client.get_experiment(found.info.experiment_id).name == "runs/today"
    assert found.data.params["loss.weights.exp"] == "10.0"
    assert (found.data.params["data.size"], found.data.params["data"]) == ("16", "sice"), "chosen on the command line"
    assert len(found.data.params) < 30, "MLflow writes them above each picture"
    assert found.data.params["trainer.max_steps"] == "4", "as the run began"
    text = client.download_artifacts(found.info.run_id, "config.yaml", str(tmp_path))
    assert OmegaConf.load(text).trainer.max_steps == 6
    assert {key: found.data.tags[key] for key in ("data", "loss", "last_step")} == {
        "data": "SICE",
        "loss": "official",
        "last_step": "6",
    }


@pytest.mark.slow
def test_a_sweep_is_one_experiment(sice: Path, tmp_path: Path) -> None:
    """Two runs at once, which both make the store and the experiment; W&B beside them."""
    options = tiny(sice, "logger=[wandb,mlflow,trackio]", "seed=1,2", "hydra/launcher=local", "-m")
    done = run_apart(tmp_path, *options, "hydra.launcher.slots=2", "hydra.sweep.dir=grid/today")
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = tmp_path / "grid" / "today"
    client = mlflow_client(sweep)
    experiment = client.get_experiment_by_name("grid/today")
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {name: run.info.status for name, run in found.items()} == {"seed=1": "FINISHED", "seed=2": "FINISHED"}
    for number, name in enumerate(("seed=1", "seed=2")):
        run = sweep / str(number)
        assert_whole(read_mlflow(client, found[name].info.run_id, tmp_path / name), run, [0, 2, 4])
        assert_whole(read_trackio(run), run, [0, 2, 4])
        assert trackio_run(run).name == name
        assert len(list((sweep / "wandb").glob(f"offline-run-*-{(run / 'wandb_id.txt').read_text().strip()}"))) == 1


def test_a_run_that_fails(tmp_path: Path) -> None:
    """The loggers of a run are closed with its state, whatever happens."""
    options = {
        "_target_": "zero_dce.train.loggers.step_mlflow.StepMLFlowLogger",
        **{"tracking_uri": "", "save_dir": str(tmp_path / "mlflow"), "id_file": str(tmp_path / "0" / "mlflow_id.txt")},
        **{"experiment_name": "a", "run_name": "b", "tags": {"data": "NOT SICE"}},
        **{"parameters": ["logger.fallback"], "chosen": ["seed=0", "callbacks.progress=null"]},
    }
    (tmp_path / "0").mkdir()
    config = OmegaConf.create({"logger": {"fallback": "stop", "mlflow": options}, "seed": 0})
    allowed = targets_allowed([options["_target_"]])
    with allowed, contextlib.suppress(ZeroDivisionError), open_loggers(config, tmp_path / "0", 0) as loggers:
        for step in (1, 2):
            loggers[1].log_metrics({"train/exp": float(step)}, step)
        raise ZeroDivisionError
    found = mlflow_run(tmp_path, tmp_path / "0")
    assert found.info.status == "FAILED"
    assert found.data.params == {"logger.fallback": "stop", "seed": "0"}
    assert steps(tmp_path) == [1]
    assert URI_VARIABLE not in os.environ


def test_not_a_number_and_long_parameters(tmp_path: Path) -> None:
    one = logger(tmp_path, parameters=["many"])
    one.log_hyperparams({"many": {f"key{number}": "x" * 7000 for number in range(120)}})
    one.log_metrics({"train/exp": float("nan"), "val/psnr": float("inf")}, 1)
    one.close("finished")
    assert len(mlflow_run(tmp_path, tmp_path / "0").data.params) == 120
    assert np.isnan(next(value for _, key, value in held(tmp_path).numbers if key == "train/exp"))


def test_a_run_goes_on_without_its_server(tmp_path: Path, caplog: pytest.LogCaptureFixture, clock: list[float]) -> None:
    """What did not arrive is sent from the run's files once the server answers, each step once."""
    one, rows = logger(tmp_path), {step: {"train/exp": float(step)} for step in range(1, 8)}
    one.log_hyperparams({"seed": 0})
    one.replay(rows, tmp_path / "0", until=0)
    with broken(one):
        for step in (1, 2, 3):
            one.log_metrics(rows[step], step)
        clock[0] += 61
        one.log_metrics(rows[4], 4)
    assert caplog.text.count("it is tried again each minute from step 1: out of reach") == 1
    clock[0] += 61
    one.log_metrics(rows[5], 5)
    assert steps(tmp_path) == [1, 2, 3, 4]
    with broken(one):
        one.log_metrics(rows[6], 6)
    one.log_metrics(rows[7], 7)
    one.close("finished")
    assert steps(tmp_path) == [*range(1, 8)]
    assert mlflow_run(tmp_path, tmp_path / "0").info.status == "FINISHED"


def test_a_server_that_does_not_come_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = logger(tmp_path)
    one.log_hyperparams({"seed": 0})
    one.replay({1: {"a": 1.0}, 2: {"a": 2.0}}, tmp_path / "0", until=0)
    one.log_metrics({"a": 1.0}, 1)
    one.log_metrics({"a": 2.0}, 2)
    with broken(one):
        one.close("finished")
    assert "lacks what came after step 1: out of reach" in caplog.text


def test_a_run_that_the_store_does_not_know(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As where a run is resumed that went on offline."""
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "mlflow_id.txt").write_text("abc\n")
    one = logger(tmp_path)
    one.log_hyperparams({"seed": 0})
    one.replay({1: {"a": 1.0}, 2: {"a": 2.0}}, tmp_path / "0", until=2)
    one.close("finished")
    assert "does not know the run abc: it gets the whole run anew" in caplog.text
    assert (tmp_path / "0" / "mlflow_id.txt").read_text().split() == ["abc", one.version]
    assert steps(tmp_path) == [1, 2]


def test_a_run_stays_one_in_each_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun on a server, resumed once with logger.fallback=offline, and resumed on the server again."""
    monkeypatch.chdir(tmp_path)
    server, ids = f"sqlite:///{tmp_path}/server.db", []
    for uri in (server, "", server, ""):
        one = logger(tmp_path, tracking_uri=uri)
        one.log_hyperparams({"seed": 0})
        one.close("interrupted")
        ids.append(one.version)
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


def test_pictures_of_a_step_that_was_begun_come_once(tmp_path: Path, clock: list[float]) -> None:
    """Numbers follow the pictures: a failure between them, and a resumed run that was killed there."""
    rows, pictures = {1: {"a": 1.0}, 2: {"a": 2.0}}, {"samples/00": PICTURE}
    for first in (1, 2):
        one = logger(tmp_path)
        one.log_hyperparams({"seed": 0})
        one.replay({}, tmp_path / "0", until=0)
        assert one.starting_step == (0 if first == 1 else 2)
        with broken(one, "log_batch"):
            one.send_row(first, {**rows[first], **pictures})
        if first == 1:
            clock[0] += 61
            one.replay(rows, tmp_path / "0", until=0)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("zero_dce.train.loggers.step_mlflow.saved_pictures", lambda run, step: pictures)
                one.send_row(1, {})
    one = logger(tmp_path)
    one.log_hyperparams({"seed": 0})
    one.send_row(2, {**rows[2], **pictures, "samples/01": PICTURE})
    places = [(step, key) for step, key, _ in held(tmp_path).pictures]
    assert sorted(places) == [(1, "samples/00"), (2, "samples/00"), (2, "samples/01")]


def test_a_server_that_hangs_is_waited_for_once(tmp_path: Path, clock: list[float]) -> None:
    """A server that does not answer takes a minute of the training, and then seconds each time it is tried again."""
    one, waits = logger(tmp_path), []
    one.log_hyperparams({"seed": 0})
    one.replay({step: {"a": 1.0} for step in (1, 2, 3)}, tmp_path / "0", until=0)

    def hang(*_: Any, **__: Any) -> None:
        waits.append((MLFLOW_HTTP_REQUEST_TIMEOUT.get(), MLFLOW_HTTP_REQUEST_MAX_RETRIES.get()))
        raise ConnectionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.experiment, "log_batch", hang)
        for step in (1, 2, 3):
            one.send_row(step, {"a": 1.0})
            clock[0] += 61
    assert waits == [(20, 2), (5, 0), (5, 0)]
    one.send_row(3, {"a": 1.0})
    assert MLFLOW_HTTP_REQUEST_TIMEOUT.get() == 20


def test_an_experiment_in_the_bin(tmp_path: Path) -> None:
    one = logger(tmp_path)
    one.log_hyperparams({})
    client = mlflow_client(tmp_path)
    client.delete_experiment(client.get_experiment_by_name("grid/today").experiment_id)
    (tmp_path / "0" / "mlflow_id.txt").unlink()
    with pytest.raises(ConnectionError, match=r"could not start the run: .*already exists"):
        logger(tmp_path).log_hyperparams({})


@pytest.mark.slow
def test_a_server(sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path / "server") as address:
        monkeypatch.setenv(URI_VARIABLE, address)
        assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=mlflow", "hydra.run.dir=r/today/0")) == 0
        run = tmp_path / "r" / "today" / "0"
        from mlflow import MlflowClient

        run_id = (run / "mlflow_id.txt").read_text().strip()
        assert_whole(read_mlflow(MlflowClient(address), run_id, tmp_path / "pictures"), run, [0, 2, 4])
    assert not (run.parent / "mlflow").exists(), "no store on disk"
    assert len(read_metrics(run)) == 4


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the logger sees, in seconds."""
    now = [1000.0]
    monkeypatch.setattr("zero_dce.train.loggers.step_mlflow.time.monotonic", lambda: now[0])
    return now


@contextmanager
def broken(one: StepMLFlowLogger, *requests: str) -> Iterator[None]:
    """A time in which the server does not answer."""

    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError("out of reach")

    with pytest.MonkeyPatch.context() as patch:
        for name in requests or ("log_batch", "log_image", "set_terminated"):
            patch.setattr(one.experiment, name, fail)
        yield


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """An MLflow server on loopback for the time of a test."""
    folder.mkdir()
    address = f"http://127.0.0.1:{(port := free_port())}"
    places = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *places]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        for _ in range(600):
            try:
                if requests.get(f"{address}/health", timeout=5).ok:
                    break
            except requests.RequestException:
                assert process.poll() is None
                time.sleep(0.2)
        yield address
    finally:
        # It has processes of its own, which take their time.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
