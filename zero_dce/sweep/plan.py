"""Which runs a sweep consists of: the overrides of each job, and the number that each gets."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from zero_dce.files import write_json
from zero_dce.records.sweep import PLAN, read_plan

CONFIG_NAME = "config"
# The default of hydra.sweep.subdir.
NUMBERED = "${hydra.job.num}"


def plan_jobs(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each run, in the order that Hydra's sweeper runs them."""
    # The parser needs the loader for glob(), which asks it for the files of a group.
    overrides = OverridesParser.create(make_loader(config)).parse_overrides(_override_texts(config))
    return [list(job) for job in BasicSweeper.split_arguments(overrides, None)[0]]


def swept_keys(config: DictConfig) -> list[str]:
    """Return the keys that a sweep gives several values."""
    last = {}
    for override in OverridesParser.create().parse_overrides(_override_texts(config)):
        last[str(override.key_or_group)] = override
    return [key for key, override in last.items() if override.is_sweep_override()]


def names_by_number(config: DictConfig) -> bool:
    """Return whether Hydra names the folders of a sweep's runs by their numbers alone."""
    unresolved: Any = OmegaConf.to_container(config.hydra.sweep)
    return bool(unresolved["subdir"] == NUMBERED)


def run_folders(config: DictConfig, jobs: Mapping[int, Sequence[str]], known: Mapping[str, str]) -> dict[str, str]:
    """Return where Hydra puts the runs of a sweep, if ``hydra.sweep.subdir`` names them by more than a number.

    Args:
        config: the sweep's.
        jobs: the overrides of runs, by number.
        known: the folders of other runs, which stay.

    Returns:
        The folders relative to the sweep's, by number as JSON has it; empty if each run's name is its number.

    Raises:
        ValueError: if two runs would share a folder, or one would lie outside of the sweep's.
    """
    if names_by_number(config):
        return {}
    loader, folders = make_loader(config), dict(known)
    for number, job in jobs.items():
        composed = loader.load_sweep_config(config, list(job))
        with open_dict(composed):
            composed.hydra.job.id = composed.hydra.job.num = number
        folders[str(number)] = os.path.normpath(composed.hydra.sweep.subdir)
    _check_folders(folders)
    return folders


def _check_folders(folders: Mapping[str, str]) -> None:
    owners: dict[str, str] = {}
    for number, name in folders.items():
        if Path(name).is_absolute() or Path(name).parts[:1] in [(), ("..",)]:
            raise ValueError(f"hydra.sweep.subdir puts run {number} into {name!r}; expected a folder below the sweep's")
        if name in owners:
            raise ValueError(
                f"hydra.sweep.subdir puts the runs {owners[name]} and {number} both into {name!r}: add "
                "${hydra.job.num} to it, which is another number for each run"
            )
        owners[name] = number


def make_loader(config: DictConfig) -> ConfigLoaderImpl:
    """Return a loader that composes the runs of a sweep as Hydra's own does."""
    sources = config.hydra.runtime.config_sources
    search = create_config_search_path(next((source.path for source in sources if source.provider == "main"), None))
    for source in sources:
        # --config-dir, where Hydra itself puts it.
        if source.provider == "command-line":
            search.prepend("command-line", f"{source.schema}://{source.path}", anchor="schema")
    return ConfigLoaderImpl(search)


def _override_texts(config: DictConfig) -> list[str]:
    parameters: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    configured = [f"{key}={value}" for key, value in (parameters["params"] or {}).items()]
    return configured + without_resume(config.hydra.overrides.task)


def without_resume(overrides: Iterable[str]) -> list[str]:
    """Return a run's overrides without the ``resume=`` that continues the whole sweep."""
    return [text for text in overrides if not text.startswith("resume=")]


def config_flags(config: DictConfig) -> list[str]:
    """Return Hydra's flags that tell another process where the configuration comes from."""
    flags = []
    for source in config.hydra.runtime.config_sources:
        if source.provider == "command-line":
            flags += ["--config-dir", source.path]
    name = config.hydra.job.config_name
    return flags if name in (None, CONFIG_NAME) else [*flags, "--config-name", name]


def command_line(config: DictConfig) -> dict[str, Any]:
    """Return how a sweep was started, so that ``resume=`` can continue it without repeating that."""
    given: Any = OmegaConf.to_container(config.hydra.overrides)
    return {
        "overrides": without_resume(given["task"]),
        "hydra": [text for text in given["hydra"] if not text.startswith(("hydra.sweep.dir=", "hydra.mode="))],
        "flags": config_flags(config),
        # The choice of data may come from the environment and not from an override.
        "data": config.hydra.runtime.choices.data,
    }


def number_jobs(folder: Path, jobs: Sequence[Sequence[str]], first: int, new: bool) -> list[int]:
    """Return the number of each job, which is the name of its run's folder.

    The jobs are numbered from ``first`` on. In a continued sweep each job has the number that the plan gives to the
    same overrides, because a shuffled grid comes in another order each time. The plan of a ``new`` sweep, which this
    process began so that no run can have a folder or a job yet, takes over the order of the jobs.
    """
    plan = read_plan(folder)
    planned, last = plan["jobs"], first + len(jobs)
    in_order = list(range(first, last))
    expected, actual = [_point(job) for job in planned[first:last]], [_point(job) for job in jobs]
    if expected == actual:
        return in_order
    if new and Counter(expected) == Counter(actual):
        write_json(folder / PLAN, {**plan, "jobs": planned[:first] + [list(job) for job in jobs] + planned[last:]})
        return in_order
    # A grid may name a point twice.
    numbers: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, job in enumerate(planned):
        numbers[_point(job)].append(number)
    return [numbers[point].pop(0) for point in actual]


def new_jobs(planned: Sequence[Sequence[str]], jobs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return those of ``jobs`` that are not in ``planned``, each as often as it is missing there."""
    left = Counter(_point(job) for job in planned)
    missing = []
    for job in jobs:
        left[_point(job)] -= 1
        if left[_point(job)] < 0:
            missing.append(list(job))
    return missing


def _point(job: Sequence[str]) -> tuple[str, ...]:
    """Return what distinguishes runs: their overrides, in whatever order these were given."""
    return tuple(sorted(job))
