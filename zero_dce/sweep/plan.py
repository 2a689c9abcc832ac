"""What a sweep is going to run: its jobs, and the names that its swept values give them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from zero_dce.files import read_json, write_json
from zero_dce.records.sweep import PLAN

CONFIG_NAME = "config"


def plan_jobs(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each run, in the order that Hydra's sweeper runs them."""
    # The loader is for glob(), which asks it for the files of a group.
    folder = next((source.path for source in config.hydra.runtime.config_sources if source.provider == "main"), None)
    loader = ConfigLoaderImpl(create_config_search_path(folder))
    overrides = OverridesParser.create(loader).parse_overrides(_override_texts(config))
    return [list(job) for job in BasicSweeper.split_arguments(overrides, None)[0]]


def without_resume(overrides: Iterable[str]) -> list[str]:
    """Return a run's overrides without the ``resume=`` that continues the whole sweep."""
    return [text for text in overrides if not text.startswith("resume=")]


def config_flags(config: DictConfig) -> list[str]:
    """Return Hydra's flags that say where its configuration comes from, for another process."""
    folders = [source.path for source in config.hydra.runtime.config_sources if source.provider == "command-line"]
    flags = [part for folder in folders for part in ("--config-dir", folder)]
    name = config.hydra.job.config_name
    return flags if name in (None, CONFIG_NAME) else [*flags, "--config-name", name]


def command_line(config: DictConfig) -> dict[str, Any]:
    """Return what a sweep was started with, so that it can be continued without saying it again."""
    given: Any = OmegaConf.to_container(config.hydra.overrides)
    kept = [text for text in given["hydra"] if not text.startswith(("hydra.sweep.dir=", "hydra.mode="))]
    # The choice of data may come from the environment.
    overrides, data = without_resume(given["task"]), config.hydra.runtime.choices.data
    return {"overrides": overrides, "hydra": kept, "flags": config_flags(config), "data": data}


def place_jobs(folder: Path, jobs: Sequence[Sequence[str]], first: int, new: bool) -> list[int]:
    """Return the number of each job, and so the name of its folder.

    The numbers follow each other from ``first``. In a continued sweep they are those that the plan has for the same
    overrides: a shuffled grid comes in another order each time. The plan of a new sweep takes over the real order.

    Args:
        folder: the sweep's.
        jobs: overrides of each.
        first: the number of the first one, where they are as planned.
        new: the sweep was begun by this process, so that no run of it can have a folder or a job yet.
    """
    plan = read_json(folder / PLAN)
    planned, last = plan["jobs"], first + len(jobs)
    in_order = list(range(first, last))
    if [_point(job) for job in planned[first:last]] == [_point(job) for job in jobs]:
        return in_order
    if new and Counter(map(_point, planned[first:last])) == Counter(map(_point, jobs)):
        write_json(folder / PLAN, {**plan, "jobs": planned[:first] + [list(job) for job in jobs] + planned[last:]})
        return in_order
    numbers = _numbers(planned)
    return [numbers[_point(job)].pop(0) for job in jobs]


def new_jobs(planned: Sequence[Sequence[str]], jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return those of ``jobs`` that are not in ``planned``, each as often as it is missing there."""
    left = Counter(map(_point, planned))
    missing = []
    for job in jobs:
        left[_point(job)] -= 1
        if left[_point(job)] < 0:
            missing.append(list(job))
    return missing


def _numbers(planned: Sequence[Sequence[str]]) -> dict[tuple[str, ...], list[int]]:
    """Return the numbers of each point; a grid may name one twice."""
    numbers: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, job in enumerate(planned):
        numbers[_point(job)].append(number)
    return numbers


def _point(job: Sequence[str]) -> tuple[str, ...]:
    """Tell runs apart by their overrides, in whatever order these were given."""
    return tuple(sorted(job))


def swept_keys(config: DictConfig) -> list[str]:
    """Return the keys that a sweep gives several values."""
    last = {str(o.key_or_group): o for o in OverridesParser.create().parse_overrides(_override_texts(config))}
    return [key for key, override in last.items() if override.is_sweep_override()]


def _override_texts(config: DictConfig) -> list[str]:
    parameters: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    given = without_resume(config.hydra.overrides.task)
    return [f"{key}={value}" for key, value in (parameters["params"] or {}).items()] + given
