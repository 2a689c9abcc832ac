"""What a sweep is going to run: its jobs, and the names that its swept values give them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from zero_dce.records import read_json

PLAN = "sweep.json"


def plan_jobs(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each run, in the order that Hydra's sweeper runs them."""
    # The loader is for glob(), which asks it for the files of a group.
    folder = next((source.path for source in config.hydra.runtime.config_sources if source.provider == "main"), None)
    loader = ConfigLoaderImpl(create_config_search_path(folder))
    overrides = OverridesParser.create(loader).parse_overrides(_override_texts(config))
    return [list(job) for job in BasicSweeper.split_arguments(overrides, None)[0]]


def swept_keys(config: DictConfig) -> list[str]:
    """Return the keys that a sweep gives several values."""
    last = {str(o.key_or_group): o for o in OverridesParser.create().parse_overrides(_override_texts(config))}
    return [key for key, override in last.items() if override.is_sweep_override()]


def point_name(overrides: Sequence[str], swept: Sequence[str]) -> str:
    """Name a run by its swept values: ``exp=10 tv=200``."""
    return " ".join(f"{name}={value}" for name, value in point_values(overrides, swept).items())


def point_values(overrides: Sequence[str], swept: Sequence[str]) -> dict[str, Any]:
    """Return a run's swept values by the short names of their keys."""
    values: dict[str, Any] = {}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key, value = str(override.key_or_group), override.value()
        if key in swept:
            # The last part says enough, but data.split.seed is not the seed that the table groups.
            short = key if key.endswith(".seed") else key.rpartition(".")[2]
            values |= value if isinstance(value, dict) else {key if short in values else short: value}
    return values


def run_name(run: Path) -> str:
    """Name a run of a sweep by its swept values, any other by its folder's time."""
    plan = read_json(run.parent / PLAN)
    return (plan and point_name(run_overrides(run) or [], plan["swept"])) or run.parent.name


def run_overrides(run: Path) -> list[str] | None:
    """Return what a run was really started with; ``None`` where it never was."""
    file = run / ".hydra" / "overrides.yaml"
    return [str(override) for override in OmegaConf.load(file)] if file.is_file() else None


def _override_texts(config: DictConfig) -> list[str]:
    parameters: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    return [f"{key}={value}" for key, value in (parameters["params"] or {}).items()] + list(config.hydra.overrides.task)
