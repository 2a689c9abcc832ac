"""Which runs a sweep consists of: the overrides of each job, and the number that each gets."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from zero_dce.files import write_json
from zero_dce.records.sweep import PLAN, read_plan
from zero_dce.train.configuration import config_flags, given_overrides, loader_of

# The default of hydra.sweep.subdir.
NUMBERED = "${hydra.job.num}"
FURTHER_RUNS = (
    "a list with the own values of each run that the grid does not hold, or null for none, as in hydra/sweeper=grid "
    "'hydra.sweeper.also=[{experiment:adaptive},{loss.weights.exp:100,loss.weights.tv:50}]'"
)


def plan_jobs(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each run in their order: those of the grid, then the further ones of ``also``.

    Raises:
        ValueError: if the values of a key cannot be read, or ``hydra.sweeper.also`` does not hold further runs.
    """
    # The parser needs the loader for glob(), which asks it for the files of a group.
    parser = OverridesParser.create(make_loader(config))
    given = _given_texts(config)
    jobs = _combine(parser, _param_texts(config) + given)
    for own in _further_runs(config):
        jobs += _combine(parser, _outside_grid(config, given) + own)
    return jobs


def _combine(parser: OverridesParser, texts: list[str]) -> list[list[str]]:
    """Return all combinations of the values of some keys; the last override of a key counts."""
    try:
        return [list(job) for job in BasicSweeper.split_arguments(parser.parse_overrides(texts), None)[0]]
    except HydraException as error:
        raise ValueError(
            f"cannot make a grid of {' '.join(texts)}: {error}. Expected values by name, as in 3,10,30 or range(1,9); "
            "hydra/sweeper=optuna searches an interval"
        ) from error


def _outside_grid(config: DictConfig, given: Sequence[str]) -> list[str]:
    """Return the given overrides but for those that give other values to a key of the grid's ``params``."""
    keys = _sweeper_options(config)["params"] or {}
    return [text for text in given if _key(text) not in keys]


def _key(text: str) -> str:
    return text.partition("=")[0].lstrip("+")


def _further_runs(config: DictConfig) -> list[list[str]]:
    """Return the own overrides of each run that ``hydra.sweeper.also`` puts beside the grid.

    Raises:
        ValueError: if it is no list of keys with values, or gives one that belongs to the whole sweep.
    """
    also = _sweeper_options(config).get("also") or []
    if not isinstance(also, list):
        raise ValueError(f"hydra.sweeper.also is {also!r}; expected {FURTHER_RUNS}")
    for own in also:
        if not isinstance(own, dict) or not own:
            raise ValueError(f"hydra.sweeper.also has {own!r}; expected {FURTHER_RUNS}")
        for key in own:
            if str(key).startswith(("hydra.", "hydra/")):
                raise ValueError(f"hydra.sweeper.also has {key}, which is one for the whole sweep: give it outside")
    return [_texts(own) for own in also]


def swept_keys(config: DictConfig) -> list[str]:
    """Return what the runs of a sweep are named by.

    That are the keys which the grid gives several values, and, as ``key=value``, the own overrides of further runs: the
    grid's runs, which may have another value of that key in common, are not named by it.
    """
    parser, last = OverridesParser.create(), {}
    for override in parser.parse_overrides(_param_texts(config) + _given_texts(config)):
        last[str(override.key_or_group)] = override
    keys = [key for key, override in last.items() if override.is_sweep_override()]
    for own in _further_runs(config):
        for job in _combine(parser, own):
            keys += [text for text in job if text not in keys and _key(text) not in keys]
    return keys


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
            composed.hydra.job.id, composed.hydra.job.num = str(number), number
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
    main = next((source.path for source in sources if source.provider == "main"), None)
    added = [f"{source.schema}://{source.path}" for source in sources if source.provider == "command-line"]
    return loader_of(main, added)


def _sweeper_options(config: DictConfig) -> dict[str, Any]:
    options: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    return options  # type: ignore[no-any-return]


def _param_texts(config: DictConfig) -> list[str]:
    return _texts(_sweeper_options(config)["params"] or {})


def _texts(values: Mapping[str, Any]) -> list[str]:
    return [f"{key}={'null' if value is None else value}" for key, value in values.items()]


def _given_texts(config: DictConfig) -> list[str]:
    return without_resume(given_overrides(config.hydra))


def without_resume(overrides: Iterable[str]) -> list[str]:
    """Return a run's overrides without the ``resume=`` that continues the whole sweep."""
    return [text for text in overrides if not text.startswith("resume=")]


def command_line(config: DictConfig) -> dict[str, Any]:
    """Return how a sweep was started, so that ``resume=`` can continue it without repeating that."""
    given: Any = OmegaConf.to_container(config.hydra.overrides)
    return {
        "overrides": without_resume(given["task"]),
        "hydra": [text for text in given["hydra"] if not text.startswith(("hydra.sweep.dir=", "hydra.mode="))],
        "flags": config_flags(config.hydra),
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
