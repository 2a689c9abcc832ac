"""Sweeps on a real SLURM: two nodes of a private cluster on this machine, with jobs that train."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import slurm
from tests.helpers.runs import read_metrics, read_result, run_here, tiny
from tests.helpers.slurm import Cluster, running_cluster, why_not
from tests.test_resume import assert_same_losses
from zero_dce.launching import slurm_wait
from zero_dce.launching.slurm import Resources
from zero_dce.records import read_json

pytestmark = pytest.mark.slurm
ROOT = Path(__file__).resolve().parents[1]
SECONDS_TO_WAIT = 180.0
ON_SLURM = [
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1",
    "hydra.launcher.setup=['export MASTER_ADDR=127.0.0.1']",
    "hydra.sweep.dir=sweep",
    "hydra.mode=MULTIRUN",
]
# Some ten milliseconds a step, and nothing beside: long enough to be met in the middle, quick to be done.
STEPS = ["logger=csv", "callbacks.progress=null", "trainer.max_steps=600", "every_n_steps=100"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One cluster for all tests; none of its daemons is left afterwards."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with running_cluster() as cluster:
        yield cluster
    assert_gone(cluster)


@pytest.fixture(autouse=True)
def _here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use the cluster from this process, which asks often, and leave it empty; jobs import this very package."""
    if "cluster" not in request.fixturenames:
        yield
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    for name, value in {**cluster.environment, "PYTHONPATH": str(ROOT)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(slurm_wait, "SECONDS_BETWEEN_LOOKS", 0.5)
    yield
    cluster.empty()


def assert_gone(cluster: Cluster) -> None:
    assert cluster.daemons
    left = [daemon.args for daemon in cluster.daemons if Path(f"/proc/{daemon.pid}").exists()]
    assert not left


def meanwhile(action: Callable[[], object], when: Callable[[], bool], run: Callable[[], int]) -> int:
    """Return the exit code of a run, during which ``action`` is carried out as soon as it is time for it."""
    over = threading.Event()

    def act() -> None:
        while not when():
            assert not over.wait(0.05), "it never came to that"
        action()

    with ThreadPoolExecutor() as beside:
        acted = beside.submit(act)
        try:
            code = run()
        finally:
            over.set()
        acted.result()
    return code


def job_of(run: Path) -> str:
    """The id of a run's job."""
    return str(read_json(run.parent / "slurm_jobs.json")[run.name])


def quick(sice: Path, *overrides: str) -> list[str]:
    """Overrides of a run without pictures."""
    options = [o for o in tiny(sice) if not o.startswith(("callbacks.samples.", "trainer.max_steps", "every_n_steps"))]
    return [*options, "callbacks.samples=null", *STEPS, *overrides]


def logs(sweep: Path) -> dict[str, str]:
    """What each task of each job has printed, by the name of its log."""
    return {file.name: file.read_text() for file in sweep.glob(".submitit/*/*_log.out")}


def test_a_cluster_that_does_not_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)
    clusters: list[Cluster] = []
    start = Cluster.start

    def remembered(cluster: Cluster) -> None:
        clusters.append(cluster)
        start(cluster)

    monkeypatch.setattr(Cluster, "start", remembered)
    monkeypatch.setattr(slurm, "CONFIGURATION", slurm.CONFIGURATION + "NoSuchOption=1\n")
    with pytest.raises(RuntimeError, match="NoSuchOption"), running_cluster():
        pass
    assert_gone(clusters[0])
    assert not clusters[0].folder.exists()


def test_a_sweep_with_a_failing_run(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The second learning rate is more than a float holds: an error in the first step.
    code = run_here(monkeypatch, tmp_path, *tiny(sice, *ON_SLURM, "model.learning_rate=1e-4,1e300,2e-4"))
    printed = capsys.readouterr()
    assert code == 1, printed
    sweep = tmp_path / "sweep"
    states = [read_result(sweep / str(number))["state"] for number in range(3)]
    assert states == ["finished", "failed", "finished"]
    jobs = read_json(sweep / "slurm_jobs.json")
    (array,) = {job.partition("_")[0] for job in jobs.values()}
    assert jobs == {str(number): f"{array}_{number}" for number in range(3)}
    table = [line.split() for line in printed.out.splitlines()]
    assert [row[2:4] for row in table if row[:1] in (["0"], ["1"], ["2"])] == [
        ["learning_rate=0.0001", "finished"],
        ["learning_rate=1e+300", "failed"],
        ["learning_rate=0.0002", "finished"],
    ]
    assert "accounting storage is disabled" in printed.out, "said before anything is submitted"
    assert f"Run 2 started on n1 (job {array}_2)" in printed.out or f"Run 2 started on n2 (job {array}_2)" in printed.out
    assert "without overflow; log: " in printed.out
    assert "run 1 failed: RuntimeError: value cannot be converted" in printed.err
    assert "of training" not in printed.out, "this machine's speed says nothing about the nodes'"
    assert "MB of disk" in printed.out
    assert len(list((sweep / "wandb").glob("offline-run-*"))) == 3


def test_runs_of_several_processes(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nodes with one and with two tasks each: one job for each kind."""
    grid = ["trainer=ddp", "trainer.devices=1,2", "+trainer.num_nodes=2", "trainer.max_steps=3", "data.batch_size=1"]
    assert run_here(monkeypatch, tmp_path, *quick(sice, *ON_SLURM, *grid)) == 0
    sweep = tmp_path / "sweep"
    jobs = read_json(sweep / "slurm_jobs.json")
    assert len(set(jobs.values())) == 2
    for number, size in (("0", 2), ("1", 4)):
        run = sweep / number
        assert read_result(run)["state"] == "finished"
        assert sorted(file.name for file in run.glob("train*.log")) == [
            "train.log",
            *(f"train_rank_{rank}.log" for rank in range(1, size)),
        ]
        printed = [text for name, text in logs(sweep).items() if name.startswith(f"{jobs[number]}_")]
        assert len(printed) == size
        assert all(f"/{size}\n" in text for text in printed), "world size"


def test_a_requeued_job_continues(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Preempted, as submitit and clusters do it: the run goes on at the next step, and W&B has it once."""
    options = [option for option in quick(sice) if option != "logger=csv"]
    run = tmp_path / "sweep" / "0"

    code = meanwhile(
        lambda: cluster.run("scancel", "--signal=USR2", job_of(run)),
        (run / "checkpoints" / "last.ckpt").exists,
        lambda: run_here(monkeypatch, tmp_path, *options, *ON_SLURM),
    )
    printed = capsys.readouterr().out
    assert code == 0, printed
    assert "Run 0 went back into the queue" in printed
    assert len(read_json(run / "environment.json")["resumed"]) == 1
    assert run_here(monkeypatch, tmp_path, *quick(sice, "hydra.run.dir=whole/0")) == 0
    assert_same_losses(run, tmp_path / "whole" / "0")
    assert len(list((tmp_path / "sweep" / "wandb").glob("offline-run-*"))) == 1, "one folder is left to send"
    assert not (run / ".hydra_resumed").exists()


def test_preempted_on_two_nodes(
    cluster: Cluster, sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = ["trainer=ddp", "trainer.devices=2", "+trainer.num_nodes=2", "data.batch_size=1"]
    run = tmp_path / "sweep" / "0"

    code = meanwhile(
        lambda: cluster.run("scancel", "--signal=USR2", job_of(run)),
        (run / "checkpoints" / "last.ckpt").exists,
        lambda: run_here(monkeypatch, tmp_path, *quick(sice, *ON_SLURM, *processes)),
    )
    assert code == 0
    assert len(read_json(run / "environment.json")["resumed"]) == 1
    whole = [*quick(sice, *ON_SLURM, *processes), "hydra.sweep.dir=whole"]
    assert run_here(monkeypatch, tmp_path, *whole) == 0
    assert_same_losses(run, tmp_path / "whole" / "0")
