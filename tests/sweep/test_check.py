"""Ways of starting a sweep that are refused, and the points of a grid."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf

from tests.helpers.launching import three_runs
from tests.helpers.runs import run_here
from zero_dce.sweep.check import Points, check_points
from zero_dce.sweep.plan import make_loader
from zero_dce.train.configuration import config_folder, register_plugins, register_resolvers


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "2"}, "torchrun"),
        ({"SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}, "srun"),
    ],
)
def test_a_sweep_inside_another_launcher_is_refused(
    variables: dict[str, str],
    name: str,
    sice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert run_here(monkeypatch, tmp_path, *three_runs(sice, "hydra.sweep.dir=sweep")) == 1
    message = capsys.readouterr().err
    assert f"the sweep was started by {name}" in message
    assert "trainer=ddp trainer.devices=N" in message
    assert not (tmp_path / "sweep").exists()


def test_another_launcher_is_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    joblib = "hydra.launcher._target_=hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
    assert run_here(monkeypatch, tmp_path, *three_runs(sice, joblib, "hydra.sweep.dir=sweep")) == 1
    assert "Use hydra/launcher=local hydra.launcher.slots=N" in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()


@pytest.fixture(scope="module")
def sweep() -> DictConfig:
    """The composed configuration of a sweep."""
    register_resolvers()
    register_plugins()
    given = ["data=sample", "hydra.mode=MULTIRUN", "hydra.sweep.dir=x", "hydra.run.dir=x"]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("config", given, return_hydra_config=True)
    config.hydra.job.config_name = "config"
    return config


GRID = [
    list(job)
    for job in itertools.product(
        ["data=sample"],
        ["seed=1", "seed=2", "seed=3"],
        ["loss.weights.exp=5", "loss.weights.exp=null"],
        ["loss=official", "loss=paper"],
        ["+trainer.enable_checkpointing=false"],
        ["callbacks.samples.count=2"],
    )
]


def plain(config: DictConfig) -> dict[str, Any]:
    content: Any = OmegaConf.to_container(config, resolve=False)
    # Of a copy, that of the run that was composed.
    del content["hydra"]["overrides"], content["hydra"]["job"]["override_dirname"]
    return dict(content)


def test_points_are_as_hydra_composes_them(sweep: DictConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with other plain values are not composed anew."""
    loader, points = make_loader(sweep), Points(sweep)
    expected = [plain(loader.load_sweep_config(sweep, job)) for job in GRID]
    composed: list[list[str]] = []
    load = ConfigLoaderImpl.load_sweep_config

    def count(self: ConfigLoaderImpl, config: DictConfig, job: list[str]) -> DictConfig:
        composed.append(job)
        return load(self, config, job)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", count)
    assert [plain(points.compose(job)) for job in GRID] == expected
    assert (len(GRID), len(composed)) == (12, 2)


@pytest.mark.parametrize(
    "jobs",
    [
        [["trainer.precision={a:1}"], ["trainer.precision={b:2}"], ["trainer.precision=[{c:3}]"]],
        [["loss.weights.tv=1", "++loss.weights.tv=5"], ["loss.weights.tv=2", "++loss.weights.tv=5"]],
        [["loss.weights.tv=1", "loss.weights={tv:5}"], ["loss.weights.tv=2", "loss.weights={tv:5}"]],
        [["seed=1", "++seed.a=2"], ["seed=3", "++seed.a=2"]],
        [["seed='1'"], ["seed=1.0"], ["seed=true"], ["seed=${data.size}"], ["seed=a b"]],
        [["loss=paper", "loss.weights.tv=1"], ["loss=official", "loss.weights.tv=1"], ["~loss.weights.tv"]],
    ],
)
def test_points_that_hydra_composes_in_ways_of_its_own(jobs: list[list[str]], sweep: DictConfig) -> None:
    loader, points = make_loader(sweep), Points(sweep)
    for job in jobs:
        assert plain(points.compose(job)) == plain(loader.load_sweep_config(sweep, job)), job


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("loss.weights.exp=-1", r"loss\.weights\.exp is -1"),
        ("data.size=0", r"data\.size is 0"),
        ("loss.weights.none=1", "none"),
        ("seed=[1", "seed"),
    ],
)
def test_a_wrong_value_names_its_run(wrong: str, told: str, sweep: DictConfig) -> None:
    jobs = [["seed=1"], ["seed=2"], ["seed=3", wrong]]
    with pytest.raises(ValueError, match=told) as error:
        check_points(sweep, jobs)
    assert f"This is run 2 of the sweep: seed=3 {wrong}" in str(error.value)


def test_a_deletion_is_no_home_of_a_user(sweep: DictConfig) -> None:
    check_points(sweep, [["seed=1", "~callbacks.washout"], ["seed=2", "~callbacks.washout"]])
    with pytest.raises(ValueError, match="~nobody_here/x: there is no user of that name"):
        check_points(sweep, [["callbacks.samples.images='~nobody_here/x'"]])
