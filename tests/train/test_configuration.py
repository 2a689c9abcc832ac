from __future__ import annotations

from pathlib import Path
from typing import Any

import hydra
import hydra.core.utils
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf

from zero_dce.hardware import best_precision
from zero_dce.losses import CompositeLoss
from zero_dce.module import ZeroDCE
from zero_dce.sweep.plan import plan_jobs
from zero_dce.train.configuration import (
    VERSION_BASE,
    config_folder,
    find_targets,
    given_overrides,
    named_targets,
    new_folder,
    register_resolvers,
    targets_allowed,
    write_whole_files,
)

CONF = config_folder()
GROUPS = ("data", "model", "loss", "trainer", "logger", "callbacks", "experiment")
CHOICES = [f"{group}={file.stem}" for group in GROUPS for file in sorted((CONF / group).glob("*.yaml"))]
# A search has no plan: tests/test_optuna.py has its own tests.
SWEEPS = sorted(file.stem for file in (CONF / "sweep").glob("*.yaml") if not file.stem.startswith("optuna"))


def composed(*overrides: str, hydra_settings: bool = False) -> DictConfig:
    register_resolvers()
    with initialize_config_dir(str(CONF), **VERSION_BASE):
        return compose("config", list(overrides), return_hydra_config=hydra_settings)


def without_run(config: DictConfig) -> DictConfig:
    """Values that only a run has replaced, so that everything can be resolved."""
    config.run_dir = "runs/train/now/0"
    return config


@pytest.mark.parametrize("choice", CHOICES)
def test_every_file_composes(choice: str) -> None:
    config = without_run(composed(choice))
    for name in ("wandb", "mlflow", "trackio"):
        if name in config.logger:
            config.logger[name].tags = None  # they name Hydra's choice, which only a run has
    if "mlflow" in config.logger:
        config.logger.mlflow.chosen = []
    OmegaConf.resolve(config)


def test_new_folders(tmp_path: Path) -> None:
    (tmp_path / "now-2").mkdir()
    folders = [new_folder(str(tmp_path / "now")) for _ in range(3)]
    assert [Path(folder).name for folder in folders] == ["now", "now-3", "now-4"]
    (tmp_path / "file").write_text("")
    assert new_folder(str(tmp_path / "file" / "now")) == str(tmp_path / "file" / "now"), "refused later, with words"


def test_there_is_something_to_compose() -> None:
    assert len(CHOICES) >= 15
    assert {"loss_weights", "report_figure1"} <= set(SWEEPS)


@pytest.mark.parametrize("name", SWEEPS)
def test_every_point_of_every_sweep_composes_and_makes_a_model(name: str) -> None:
    settings = composed(f"+sweep={name}", hydra_settings=True)
    assert settings.hydra.mode.name == "MULTIRUN"
    jobs = plan_jobs(settings)
    assert len(jobs) > 1
    for job in jobs:
        config = without_run(composed(f"+sweep={name}", *[override for override in job if "sweep=" not in override]))
        with targets_allowed(find_targets(config.model)):
            model = hydra.utils.instantiate(config.model)
        assert isinstance(model, ZeroDCE)
        assert model.loss.weights == OmegaConf.to_container(config.loss.weights)


def weights_of(name: str) -> list[dict[str, float]]:
    jobs = plan_jobs(composed(f"+sweep={name}", hydra_settings=True))
    return [
        dict(composed(f"+sweep={name}", *[override for override in job if "sweep=" not in override]).loss.weights)
        for job in jobs
    ]


def test_loss_weights_holds_the_reports_good_choice() -> None:
    grid = weights_of("loss_weights")
    assert len(grid) >= 6
    assert {"spa": 1.0, "exp": 10, "col": 5.0, "tv": 200} in grid


def test_the_demo_ends_with_training_by_restoration_as_short() -> None:
    """The other runs are those of ``loss_weights``."""
    *grid, last = plan_jobs(composed("+sweep=demo", hydra_settings=True))
    expected = plan_jobs(composed("+sweep=loss_weights", hydra_settings=True))
    assert [job[:2] for job in grid] == [job[:2] for job in expected]
    assert last == ["+sweep=demo", "experiment=adaptive"]
    base, adaptive = composed("+sweep=demo"), composed(*last)
    assert base == composed("+sweep=loss_weights", "data=sample", "experiment=quick")
    for key in ("data.size", "data.source", "data.batch_size", "trainer.max_steps", "every_n_steps"):
        assert OmegaConf.select(adaptive, key) == OmegaConf.select(base, key), key
    own = composed("experiment=adaptive")
    assert adaptive.loss == own.loss
    assert adaptive.data.augment == own.data.augment
    quick = {"loss": None, "learning_rate": base.model.learning_rate}
    assert {**adaptive.model, **quick} == {**own.model, **quick}


def test_report_figure_1_is_the_reports() -> None:
    rows = [(w["tv"], w["col"], w["exp"], w["spa"]) for w in weights_of("report_figure1")]
    assert rows == [(200, 5, 2.5, 1), (400, 5, 3, 1), (200, 5, 1, 1), (200, 5, 10, 1)]
    config = composed("+sweep=report_figure1")
    assert config.trainer.max_steps == 300
    assert config.loss.spa.directions == ["left", "right", "up"], "the report's own code"


def test_one_value_for_a_swept_key_collapses_the_grid() -> None:
    settings = composed("+sweep=loss_weights", "loss.weights.tv=5", hydra_settings=True)
    settings.hydra.overrides.task = ["+sweep=loss_weights", "loss.weights.tv=5"]
    assert [job[:2] for job in plan_jobs(settings)] == [
        [f"loss.weights.exp={value}", "loss.weights.tv=5"] for value in (3, 10, 30)
    ]


def test_sice_root_chooses_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert composed().data.root is None
    monkeypatch.setenv("SICE_ROOT", "/somewhere")
    assert composed().data.root == "/somewhere"
    assert composed("data=sample").data.root is None


def test_defaults_are_the_released_recipe() -> None:
    config = composed("data=sice", "data.root=x")
    assert (config.data.size, config.data.batch_size) == (256, 8)
    assert (config.model.learning_rate, config.model.weight_decay, config.trainer.gradient_clip_val) == (
        1e-4,
        1e-4,
        0.1,
    )
    assert dict(config.loss.weights) == CompositeLoss().weights
    official: Any = OmegaConf.to_container(config.loss)
    pictures = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), torch.rand(2, 24, 32, 32)
    assert CompositeLoss(**official)(*pictures).terms == CompositeLoss()(*pictures).terms


@pytest.mark.parametrize(
    ("overrides", "network", "smoothness"),
    [
        ([], "zero_dce", 200),
        (["model=zero_dce_pp"], "zero_dce_pp", 1600),
        (["experiment=zero_dce_pp"], "zero_dce_pp", 1600),
        (["experiment=zero_dce_pp", "model=zero_dce"], "zero_dce", 200),
        (["model=zero_dce_pp", "loss=official"], "zero_dce_pp", 200),
        (["experiment=zero_dce_pp", "loss=paper"], "zero_dce_pp", 20),
        (["model=zero_dce", "loss=plusplus"], "zero_dce", 1600),
        (["+sweep=loss_weights", "model=zero_dce_pp"], "zero_dce_pp", 1600),
    ],
)
def test_a_model_brings_its_loss_unless_one_is_given(overrides: list[str], network: str, smoothness: float) -> None:
    config = composed(*overrides)
    assert config.model.network == network
    assert config.loss.weights.tv == config.model.loss.weights.tv == smoothness


def test_zero_dce_pp_is_its_released_recipe() -> None:
    config = composed("experiment=zero_dce_pp", "data=sice", "data.root=x")
    assert (config.data.size, config.data.batch_size, config.trainer.gradient_clip_val) == (512, 8, 0.1)
    assert (config.model.learning_rate, config.model.weight_decay) == (1e-4, 1e-4)
    assert {**config.loss.weights} == {"spa": 1.0, "exp": 10.0, "col": 5.0, "tv": 1600.0}


def test_best_precision_is_one_of_two() -> None:
    assert best_precision("cpu") in ("bf16-mixed", "32-true")
    assert best_precision("mps") == "32-true"


def test_named_targets() -> None:
    overrides = ["a=1", "+b._target_=x.Y", "+c={_target_: z.Z, d: [{_target_: w.W}]}", "~e", "f=1,2"]
    assert list(named_targets(overrides)) == ["x.Y", "z.Z", "w.W"]


def test_overrides_are_returned_as_they_were_given() -> None:
    """Those in braces name what is known only in the whole configuration, and later."""
    given = ["+callbacks.own={_target_: a.B, folder: '${run_dir}'}", "sweep_name=of_${seed}", "seed=7"]
    assert given_overrides(composed(*given, hydra_settings=True).hydra) == given


def test_only_what_is_allowed_is_made_where_hydra_asks() -> None:
    node = {"_target_": "datetime.timedelta", "hours": 2}
    with targets_allowed(["datetime.timedelta"]):
        assert hydra.utils.instantiate(node).total_seconds() == 7200
    if hasattr(hydra.utils, "execution_whitelist"):
        with targets_allowed(["datetime.date"]), pytest.raises(InstantiationException, match=r"datetime\.timedelta"):
            hydra.utils.instantiate(node)


@pytest.mark.parametrize("name", ["config.yaml", "multirun.yaml"])
def test_hydra_writes_whole_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a run, and of a sweep: what stops the writing in its middle leaves the file of before."""
    monkeypatch.setattr(hydra.core.utils, "_save_config", hydra.core.utils._save_config)
    Plugins.instance()
    from hydra._internal.core_plugins import basic_sweeper

    monkeypatch.setattr(basic_sweeper, "OmegaConf", OmegaConf)
    save = OmegaConf.save
    write_whole_files()
    assert OmegaConf.save is save, "only Hydra's name is replaced, and no library's class"

    def write(config: DictConfig) -> None:
        if name == "config.yaml":
            hydra.core.utils._save_config(config, name, tmp_path / "folder")
        else:
            basic_sweeper.OmegaConf.save(config, tmp_path / "folder" / name)

    def stop(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    (tmp_path / "folder").mkdir()
    write(OmegaConf.create({"seed": 1}))
    monkeypatch.setattr(Path, "write_bytes", stop)
    with pytest.raises(OSError, match=f"No space left on device: .*folder/{name}"):
        write(OmegaConf.create({"seed": 2}))
    assert [file.name for file in (tmp_path / "folder").iterdir()] == [name]
    assert (tmp_path / "folder" / name).read_text() == "seed: 1\n"
