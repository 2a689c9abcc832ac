"""How the runs of a sweep share one machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from tests.helpers.launching import three_runs
from tests.helpers.runs import run_here
from zero_dce.sweep.launching.job import SweepRun
from zero_dce.sweep.launching.layout import compose_trainers, lay_out


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["trainer.num_nodes=2"], "trainer.num_nodes=2 needs several machines: hydra/launcher=slurm"),
        (["trainer.devices=two"], "trainer.devices is 'two'"),
        (["hydra/launcher=local", "hydra.launcher.slots=0"], "hydra.launcher.slots is 0"),
        (["hydra/launcher=local", "hydra.launcher.devices_per_run=0"], "hydra.launcher.devices_per_run is 0"),
        (["hydra/launcher=local", "hydra.launcher.runs_per_gpu=null"], "hydra.launcher.runs_per_gpu is None"),
        (["hydra/launcher=local", "hydra.launcher.runs_per_gpu=2"], "no GPU is visible"),
        (["trainer.devices=3", "hydra.launcher.devices_per_run=2"], "trainer.devices=3 and hydra.launcher.devices_per"),
    ],
)
def test_what_cannot_work_is_refused(
    overrides: list[str],
    message: str,
    sice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_here(monkeypatch, tmp_path, *three_runs(sice, *overrides, "hydra.sweep.dir=sweep")) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "sweep" / "0").exists()


def test_a_grid_over_devices_gives_each_run_its_own(tmp_path: Path) -> None:
    """Runs of one process stay in the sweep's process where nothing runs beside them; composed once each kind."""
    jobs = [
        SweepRun(number, (f"trainer.devices={count}", f"loss.weights.exp={number}"), tmp_path / str(number))
        for number, count in enumerate((1, 2, 1))
    ]
    composed: list[object] = []

    def compose(overrides: object) -> DictConfig:
        composed.append(overrides)
        (count,) = (text.partition("=")[2] for text in overrides if text.startswith("trainer.devices"))  # type: ignore[attr-defined]
        return OmegaConf.create({"trainer": {"devices": int(count), "accelerator": "cpu"}})

    layout = lay_out(jobs, compose, "cpu", slots=1, devices_per_run=None)
    assert [layout.processes[job.number] for job in jobs] == [1, 2, 1]
    assert [layout.in_this_process(job) for job in jobs] == [True, False, True]
    assert len(composed) == 2
    side_by_side = lay_out(jobs, compose, "cpu", slots=2, devices_per_run=None)
    assert not any(side_by_side.in_this_process(job) for job in jobs)


def test_seeds_are_no_reason_to_compose_each_run(tmp_path: Path) -> None:
    """A key that is a plain value chooses no file; a group may, and so may a value that the trainer refers to."""
    composed: list[object] = []

    def compose(overrides: Sequence[str]) -> DictConfig:
        composed.append(overrides)
        key, value = overrides[0].split("=")
        trainer = {"devices": 2 if value == "wide" else 1, "accelerator": "cpu"}
        if key == "gpus":
            trainer["devices"] = "${gpus}"
        # A group's name is no key, or that of its options.
        values = {} if key == "experiment" else {key: int(value)}
        return OmegaConf.create({**values, "trainer": trainer, "loss": {}})

    def devices(*points: str) -> list[int]:
        composed.clear()
        runs = [SweepRun(number, (point,), tmp_path / str(number)) for number, point in enumerate(points)]
        return [trainer.devices for _, trainer in compose_trainers(runs, compose)]

    assert devices(*(f"seed={seed}" for seed in range(20))) == [1] * 20
    assert len(composed) == 2, "the first one tells what a seed is"
    assert devices("experiment=quick", "experiment=wide", "seed=1", "experiment=wide") == [1, 2, 1, 2]
    assert devices("gpus=1", "gpus=2", "gpus=3") == [1, 2, 3]
