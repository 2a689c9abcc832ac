"""A search that cannot work is refused before its first run."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from tests.helpers.runs import run_here
from tests.helpers.searches import search
from tests.train.test_configuration import composed
from zero_dce.files import write_json
from zero_dce.sweep.search.plan import open_plan, read_search
from zero_dce.train.preflight import check_configuration


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("loss.weights.exp=interval(5,1)", "expected finite LOW < HIGH"),
        ("loss.weights.foo=interval(1,2)", "Could not override 'loss.weights.foo'"),
        ("model=choice(zero_dce,zero_dce_qq)", "Could not find 'model/zero_dce_qq'"),
        ("++hydra.sweeper.objectives={val/entropi_out:maximize}", "Did you mean val/entropy_out?"),
        ("~hydra.sweeper.objectives", "hydra.sweeper.objectives is empty"),
        ("hydra.sweeper.sampler=cma", "'cma'; expected one of tpe, nsgaii, random"),
        ("hydra.sweeper.n_trials=0", "n_trials is 0; expected a whole number of at least 1"),
        ("hydra.sweeper.batch_size=0.5", "batch_size is 0.5; expected a whole number"),
        ("hydra.sweeper.seed=-1", "seed is -1; expected"),
        ("++hydra.sweeper.also=[{seed:1}]", "expected hydra.sweeper.also=null with a search"),
        ("hydra.sweeper.storage=study.db", "'study.db'; expected null"),
        ("hydra.sweeper.storage=nosql:///x", "hydra.sweeper.storage=nosql:///x cannot be opened"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_run(
    override: str,
    expected: str,
    sice: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_here(monkeypatch, tmp_path, *search(sice, override)) == 1
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "study" / "0").exists()
    if "nosql" not in override:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOLCK, ValueError), (errno.EIO, OSError)])
def test_a_disk_without_locks_is_told(
    number: int, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", fail)
    found = read_search(composed("+sweep=optuna", hydra_settings=True))
    told = "is on a disk without locks .*No locks available.* choose a folder on another disk"
    with pytest.raises(kind, match=told if kind is ValueError else os.strerror(number)):
        open_plan(tmp_path, found)


@pytest.mark.parametrize("name", ["optuna", "optuna_adaptive"])
def test_the_searches_of_conf_can_be_run(name: str) -> None:
    found = read_search(composed(f"+sweep={name}", hydra_settings=True))
    assert len(found.objectives) == 2
    for corner in found.space.corners():
        config = composed(*corner)
        for override in corner[: len(found.space.swept)]:
            key, _, value = override.partition("=")
            assert OmegaConf.select(config, key) == yaml.safe_load(value), override
        check_configuration(config, corner)


def test_the_search_for_restoration_leaves_validation_as_it_is() -> None:
    """A run that cut other squares out of the frames could not be compared."""
    found = read_search(composed("+sweep=optuna_adaptive", hydra_settings=True))
    adaptive = composed("experiment=adaptive")
    for corner in found.space.corners():
        config = composed(*corner)
        assert config.loss.weights.rec == adaptive.loss.weights.rec
        assert (config.data.size, config.data.augment.crop) == (adaptive.data.size, adaptive.data.augment.crop)


def test_a_grids_folder_is_refused(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study").mkdir()
    write_json(tmp_path / "study" / "sweep.json", {"jobs": [["seed=1"]], "swept": ["seed"]})
    assert run_here(monkeypatch, tmp_path, *search(sice)) == 1
    assert "already holds a sweep, and no search" in capsys.readouterr().err


def test_without_optuna(
    sice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for name in [name for name in sys.modules if name.startswith(("optuna.", "zero_dce.sweep.search.space"))]:
        monkeypatch.delitem(sys.modules, name)
    assert run_here(monkeypatch, tmp_path, *search(sice)) == 1
    assert "pip install 'zero-dce-lightning[optuna]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
