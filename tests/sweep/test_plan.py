"""The numbers of jobs."""

from __future__ import annotations

from pathlib import Path

from omegaconf import OmegaConf

from zero_dce.files import read_json, write_json
from zero_dce.sweep.plan import command_line, new_jobs, number_jobs, plan_jobs, swept_keys


def test_places_of_jobs(tmp_path: Path) -> None:
    jobs = [["a=1", "b=2"], ["a=2", "b=2"], ["a=1", "b=2"]]
    write_json(tmp_path / "sweep.json", {"jobs": jobs, "swept": ["a", "b"]})
    assert number_jobs(tmp_path, jobs[::-1], 0, new=True) == [0, 1, 2], "a new sweep takes over the real order"
    assert read_json(tmp_path / "sweep.json")["jobs"] == jobs[::-1]
    assert number_jobs(tmp_path, [["b=2", "a=2"], ["a=1", "b=2"], ["a=1", "b=2"]], 0, new=False) == [1, 0, 2]
    assert read_json(tmp_path / "sweep.json")["jobs"] == jobs[::-1], "jobs of a continued one may be in a queue"
    assert new_jobs(jobs, [["a=1", "b=2"], ["b=2", "a=1"], ["a=1", "b=2"], ["a=3"]]) == [["a=1", "b=2"], ["a=3"]]


def test_plan_of_a_grid() -> None:
    given = ["seed=1,2", "loss.weights.tv=5", "resume=sweep"]
    settings = ["hydra.mode=MULTIRUN", "hydra.sweep.dir=x", "hydra.launcher.slots=2"]
    source = {"provider": "command-line", "schema": "file", "path": "/conf"}
    config = OmegaConf.create(
        {
            "hydra": {
                "sweeper": {"params": {"loss.weights.tv": "200,800", "loss.weights.exp": "3,10"}},
                "overrides": {"task": given, "hydra": settings},
                "runtime": {"config_sources": [source], "choices": {"data": "sample"}},
                "job": {"config_name": "mine"},
            }
        }
    )
    assert plan_jobs(config) == [
        ["loss.weights.tv=5", f"loss.weights.exp={exp}", f"seed={seed}"] for exp in (3, 10) for seed in (1, 2)
    ]
    assert swept_keys(config) == ["loss.weights.exp", "seed"]
    assert command_line(config) == {
        "overrides": given[:2],
        "hydra": settings[2:],
        "flags": ["--config-dir", "/conf", "--config-name", "mine"],
        "data": "sample",
    }
