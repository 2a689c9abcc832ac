from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from tests.helpers.runs import run_apart, run_here, tiny
from tests.helpers.trackers import mlflow_run
from zero_dce.train import loggers as room
from zero_dce.train.configuration import VERSION_BASE, config_folder, register_resolvers
from zero_dce.train.loggers import add_tag, check_packages, check_servers, configured_loggers
from zero_dce.train.loggers.mlflow_address import URI_VARIABLE

REFUSING = "http://127.0.0.1:9"


def config(**loggers: object) -> DictConfig:
    return OmegaConf.create({"logger": loggers})


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    def version(package: str) -> str:
        if package in missing:
            raise PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(room, "version", version)


def test_loggers_are_what_is_configured_and_not_options() -> None:
    assert list(configured_loggers(config(fallback="stop", mlflow={"tags": {}}, wandb={}))) == ["mlflow", "wandb"]
    assert configured_loggers(config()) == configured_loggers(OmegaConf.create({})) == {}, "logger=csv and logger=[]"


def test_a_notice_is_in_the_tags_of_each() -> None:
    several = config(wandb={"tags": ["SICE"]}, mlflow={"tags": {"data": "SICE"}}, tensorboard={})
    add_tag(several, "without cache")
    add_tag(several, "offline fallback")
    assert several.logger.wandb.tags == ["SICE", "without cache", "offline fallback"]
    assert several.logger.mlflow.tags == {"data": "SICE", "notices": "without cache, offline fallback"}
    assert several.logger.tensorboard == {}


@pytest.mark.parametrize("name", ["mlflow", "trackio", "tensorboard"])
def test_a_package_that_is_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, name)
    part = {"tracking_uri": "", "save_dir": "x"}
    with pytest.raises(ModuleNotFoundError, match=rf"logger={name} needs .*pip install 'zero-dce-lightning\[{name}\]'"):
        check_packages(config(wandb={}, **{name: part}))
    check_packages(config(wandb={}))


def test_the_small_package_of_mlflow_is_enough_for_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "mlflow")
    check_packages(config(mlflow={"tracking_uri": REFUSING, "save_dir": "x"}))
    without(monkeypatch, "mlflow", "mlflow-skinny")
    with pytest.raises(ModuleNotFoundError):
        check_packages(config(mlflow={"tracking_uri": REFUSING, "save_dir": "x"}))


def test_a_store_on_disk_asks_nobody() -> None:
    check_servers(config(fallback="stop", mlflow={"tracking_uri": "", "save_dir": "x"}, wandb={"mode": "offline"}))


def test_an_mlflow_server_that_is_not_there() -> None:
    part = {"tracking_uri": REFUSING, "save_dir": "x", "tags": {}}
    with pytest.raises(ConnectionError, match=r"cannot be reached .*logger\.fallback=offline trains without it"):
        check_servers(config(fallback="stop", mlflow=part))
    offline = config(fallback="offline", mlflow=part, wandb={"mode": "offline", "tags": []})
    check_servers(offline)
    assert offline.logger.mlflow.tracking_uri == ""
    assert offline.logger.mlflow.tags.notices == offline.logger.wandb.tags[0] == "offline fallback"


@pytest.mark.parametrize(
    "choice", [["logger=wandb", "logger.wandb.mode=online"], ["logger=wandb_online"], ["logger=mlflow"]]
)
def test_the_option_that_is_advised_exists(choice: list[str]) -> None:
    register_resolvers()
    with initialize_config_dir(str(config_folder()), **VERSION_BASE):
        chosen = compose("config", [*choice, "logger.fallback=offline", "data=sample"])
    assert chosen.logger.fallback == "offline"


def test_nothing_is_begun_where_a_server_is_not_there(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = tiny(sice, "logger=[wandb,mlflow]", f"logger.mlflow.tracking_uri={REFUSING}")
    assert run_here(monkeypatch, tmp_path, *options) == 1
    assert capsys.readouterr().err.startswith(f"MLflow at {REFUSING} cannot be reached")
    assert not [*tmp_path.rglob("*.ckpt"), *tmp_path.rglob("wandb"), *tmp_path.rglob("mlflow*")]


@pytest.mark.slow
def test_fallback_goes_on_in_the_store_on_disk(sice: Path, tmp_path: Path) -> None:
    options = tiny(sice, "logger=mlflow", "logger.fallback=offline", "hydra.run.dir=r/0")
    done = run_apart(tmp_path, *options, **{URI_VARIABLE: REFUSING})
    assert done.returncode == 0, done.stderr
    assert f"MLflow OFFLINE (logger.fallback=offline): MLflow at {REFUSING}" in done.stdout + done.stderr
    assert mlflow_run(tmp_path / "r", tmp_path / "r" / "0").data.tags["notices"] == "offline fallback"


def test_a_missing_package_is_told_before_the_folder_is_made(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without(monkeypatch, "trackio")
    for options in (["hydra.run.dir=r/0"], ["seed=1,2", "hydra.sweep.dir=s", "-m"]):
        assert run_here(monkeypatch, tmp_path, *tiny(sice, "logger=[csv,trackio]", *options)) == 1
        error = capsys.readouterr().err
        assert error.startswith("logger=trackio needs the package trackio, which is not installed"), error
    assert list(tmp_path.iterdir()) == []
