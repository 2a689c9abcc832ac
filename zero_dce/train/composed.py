"""What a resumed configuration has become once Hydra has composed it: it brings no code that no person has given.

:mod:`zero_dce.train.stored` reads the texts of stored overrides and files, and says at once what is wrong with them.
This looks at what came of them, whichever way that was, before Hydra makes an object of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from zero_dce.records.interpolation import foreign_interpolation
from zero_dce.terminal import explain
from zero_dce.train.configuration import config_folder, find_targets
from zero_dce.train.stored import HOW_TO_RESUME, SCRIPTS, texts_of
from zero_dce.train.targets import check_targets

# What a stored configuration may say of Hydra; all else is as the package and the person say.
FREE = {"launcher", "sweeper", "sweep", "run", "mode", "output_subdir", "verbose", "runtime"}
FREE_OF_JOB = {"name", "num", "id", "chdir", "config", "config_name"}
# Hydra's own launcher and sweeper, which run nothing but the task.
HYDRAS_OWN = "hydra._internal.core_plugins.basic_"


@contextmanager
def nothing_foreign(given: Sequence[str]) -> Iterator[None]:
    """Let Hydra compose only configurations in the block that bring no code, but for what a person has given.

    Args:
        given: the command line as the person gave it, without the program's name.

    In the block, composing ends the command where a configuration makes what is not allowed, has an interpolation that
    the package's own has not, or says something of Hydra itself that could run code: Hydra goes on after any other
    exception when it asks a configuration whether it is of a sweep.
    """
    compose = ConfigLoaderImpl.load_configuration
    flags = get_args_parser().parse_args(list(given))
    of_hydra = [text for text in flags.overrides if text.lstrip("+~").startswith(("hydra.", "hydra/"))]

    @cache
    def expected(loader: ConfigLoaderImpl, groups: tuple[str, ...]) -> DictConfig:
        own = [*groups, *of_hydra]
        return compose(loader, flags.config_name or "config", own, RunMode.RUN, validate_sweep_overrides=False)

    def compose_and_check(
        loader: ConfigLoaderImpl, config_name: str | None, overrides: list[str], *arguments: Any, **options: Any
    ) -> DictConfig:
        config = compose(loader, config_name, overrides, *arguments, **options)
        # Who gives a folder of configurations says what its files set.
        groups = (text for text in overrides if flags.config_dir and "." not in text.partition("=")[0])
        try:
            check_composed(config, expected(loader, (*_own_choices(config), *groups)), given)
        except (ValueError, HydraException) as error:
            sys.exit(explain(error))
        return config

    ConfigLoaderImpl.load_configuration = compose_and_check  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        ConfigLoaderImpl.load_configuration = compose  # type: ignore[method-assign]


def _own_choices(config: DictConfig) -> Iterator[str]:
    """Yield the choice of a launcher and a sweeper of this package, whose options a person may set."""
    for group in ("hydra/launcher", "hydra/sweeper"):
        choice = config.hydra.runtime.choices[group]
        if choice in {file.stem for file in (config_folder() / group).glob("*.yaml")}:
            yield f"{group}={choice}"


def check_composed(config: DictConfig, expected: DictConfig, given: Sequence[str]) -> None:
    """Refuse a composed configuration that could run code.

    Args:
        config: composed from what is stored and what is given.
        expected: composed from what is given of Hydra alone.
        given: the command line of the person.

    Raises:
        ValueError: if it could.
    """
    known = {*find_targets(expected)}
    check_targets(name for name in find_targets(config) if name not in known and not name.startswith(HYDRAS_OWN))
    found, own = (_plain(node) for node in (config, expected))
    for part in filter(None, map(foreign_interpolation, {*texts_of(found)} - {*texts_of(own)})):
        if not any(part in argument for argument in given):
            raise ValueError(f"the stored configuration has {part}, which may read or make anything: {HOW_TO_RESUME}")
    name = next(_foreign_settings(found["hydra"], own["hydra"]), None)
    if name is not None:
        raise ValueError(f"the stored configuration sets hydra.{name}, which could run any code: {HOW_TO_RESUME}")


def _plain(config: DictConfig) -> dict[str, Any]:
    content: Any = OmegaConf.to_container(config, resolve=False)
    # Hydra repeats all overrides there.
    del content["hydra"]["overrides"], content["hydra"]["job"]["override_dirname"]
    return dict(content)


def _foreign_settings(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of Hydra's settings that are others than expected and could run code."""
    yield from (name for name in _changed(found, expected) if name not in {*FREE, "job"})
    yield from (f"job.{name}" for name in _changed(found["job"], expected["job"]) if name not in FREE_OF_JOB)
    for key in SCRIPTS:
        name = key.rpartition(".")[2]
        value = found["launcher"].get(name)
        if value and value != expected["launcher"].get(name):
            yield f"launcher.{name}"
    # They become lines of a job's script.
    if not all(text.isprintable() for text in texts_of(found["launcher"])):
        yield "launcher"


def _changed(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
