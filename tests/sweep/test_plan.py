"""The numbers of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from zero_dce.files import read_json, write_json
from zero_dce.records.sweep import point_name
from zero_dce.sweep.plan import command_line, new_jobs, number_jobs, plan_jobs, swept_keys


def test_places_of_jobs(tmp_path: Path) -> None:
    jobs = [["a=1", "b=2"], ["a=2", "b=2"], ["a=1", "b=2"]]
    write_json(tmp_path / "sweep.json", {"jobs": jobs, "swept": ["a", "b"]})
    assert number_jobs(tmp_path, jobs[::-1], 0, new=True) == [0, 1, 2], "a new sweep takes over the real order"
    assert read_json(tmp_path / "sweep.json")["jobs"] == jobs[::-1]
    assert number_jobs(tmp_path, [["b=2", "a=2"], ["a=1", "b=2"], ["a=1", "b=2"]], 0, new=False) == [1, 0, 2]
    assert read_json(tmp_path / "sweep.json")["jobs"] == jobs[::-1], "jobs of a continued one may be in a queue"
    assert new_jobs(jobs, [["a=1", "b=2"], ["b=2", "a=1"], ["a=1", "b=2"], ["a=3"]]) == [["a=1", "b=2"], ["a=3"]]


SETTINGS = ["hydra.mode=MULTIRUN", "hydra.sweep.dir=x", "hydra.launcher.slots=2"]


def grid_of(given: list[str], also: Any = None) -> DictConfig:
    """The configuration of a sweep of two weights with these overrides."""
    source = {"provider": "command-line", "schema": "file", "path": "/conf"}
    return OmegaConf.create(
        {
            "hydra": {
                "sweeper": {"params": {"loss.weights.tv": "200,800", "loss.weights.exp": "3,10"}, "also": also},
                "overrides": {"task": given, "hydra": SETTINGS},
                "runtime": {"config_sources": [source], "choices": {"data": "sample"}},
                "job": {"config_name": "mine"},
            }
        }
    )


def test_plan_of_a_grid() -> None:
    given = ["seed=1,2", "loss.weights.tv=5", "resume=sweep"]
    config = grid_of(given)
    assert plan_jobs(config) == [
        ["loss.weights.tv=5", f"loss.weights.exp={exp}", f"seed={seed}"] for exp in (3, 10) for seed in (1, 2)
    ]
    assert swept_keys(config) == ["loss.weights.exp", "seed"]
    assert command_line(config) == {
        "overrides": given[:2],
        "hydra": SETTINGS[2:],
        "flags": ["--config-dir", "/conf", "--config-name", "mine"],
        "data": "sample",
    }


def test_further_runs_come_after_the_grid() -> None:
    """They have what the command line says, but for the grid's own keys, and their own values win."""
    given = ["loss.weights.tv=5", "experiment=quick", "data=sample", "seed=1,2"]
    config = grid_of(given, [{"experiment": "adaptive"}, {"loss.weights.exp": 100, "seed": 7, "model.exposure": None}])
    common = ["loss.weights.tv=5", "experiment=quick", "data=sample"]
    grid = [[common[0], f"loss.weights.exp={exp}", *common[1:], f"seed={seed}"] for exp in (3, 10) for seed in (1, 2)]
    assert plan_jobs(config) == [
        *grid,
        ["experiment=adaptive", "data=sample", "seed=1"],
        ["experiment=adaptive", "data=sample", "seed=2"],
        ["experiment=quick", "data=sample", "seed=7", "loss.weights.exp=100", "model.exposure=null"],
    ]
    swept = swept_keys(config)
    assert swept == ["loss.weights.exp", "seed", "experiment=adaptive", "model.exposure=null"]
    names = [point_name(job, swept) for job in plan_jobs(config)]
    assert names[3:] == [
        "exp=10 seed=2",
        "experiment=adaptive seed=1",
        "experiment=adaptive seed=2",
        "seed=7 exp=100 exposure=None",
    ]


def test_a_further_run_may_be_several() -> None:
    config = grid_of(["loss.weights.tv=5", "loss.weights.exp=3"], [{"loss.weights.exp": 3, "seed": "1,2"}])
    assert plan_jobs(config)[1:] == [["loss.weights.exp=3", f"seed={seed}"] for seed in (1, 2)]


@pytest.mark.parametrize(
    ("also", "message"),
    [
        ("experiment=adaptive", "hydra.sweeper.also is 'experiment=adaptive'; expected a list with the own values"),
        ({"experiment": "adaptive"}, r"hydra.sweeper.also is {'experiment': 'adaptive'}; expected a list"),
        (["experiment=adaptive"], r"also has 'experiment=adaptive'; expected .*\[{experiment:adaptive}"),
        ([{}], "also has {}; expected"),
        ([{"hydra.launcher.slots": 2}], "also has hydra.launcher.slots, which is one for the whole sweep"),
        ([{"loss.weights.exp": "interval(1, 2)"}], r"cannot make a grid of loss.weights.exp=interval\(1, 2\): "),
        ([{"loss.weights.exp": "3, (4"}], r"cannot make a grid of loss.weights.exp=3, \(4: "),
    ],
)
def test_what_is_no_further_run_is_refused(also: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_jobs(grid_of([], also))
