"""What a resumed configuration has become once Hydra has composed it: it brings no code that no person has given.

:mod:`zero_dce.train.stored` reads the texts of stored overrides and files, and says at once what is wrong with them.
This looks at what came of them, whichever way that was, before Hydra makes an object of it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from zero_dce.terminal import explain
from zero_dce.train.configuration import GIVEN_VARIABLE, config_folder, find_targets
from zero_dce.train.stored import HOW_TO_RESUME, SCRIPTS, find_unsafe, single_values, texts_of
from zero_dce.train.targets import check_targets

# What a stored configuration may say of Hydra; all else is as the package and the person say.
FREE = {"launcher", "sweeper", "sweep", "run", "mode", "verbose", "runtime"}
FREE_OF_JOB = {"num", "id", "chdir", "config", "config_name"}
# Files and folders get these names, which must not lead elsewhere.
PLAIN_NAME = re.compile(r"\.?\w[\w.-]*")
# Hydra's own launcher and sweeper, which run nothing but the task.
HYDRAS_OWN = {
    "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
}
# The processes of a sweep's runs neither launch nor sweep.
LEFT_TO_THE_SWEEP = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper")


@contextmanager
def nothing_foreign(given: Sequence[str]) -> Iterator[None]:
    """Let Hydra compose only configurations in the block that bring no code, but for what a person has given.

    Args:
        given: the command line as the person gave it, without the program's name.

    In the block, composing ends the command where a configuration makes what is not allowed, has an interpolation that
    the package's own has not, or says something of Hydra itself that could run code: Hydra goes on after any other
    exception when it asks a configuration whether it is of a sweep. Processes that are started in the block learn that
    they are to do the same, by :func:`zero_dce.train.configuration.given_before`.
    """
    compose = ConfigLoaderImpl.load_configuration
    flags = get_args_parser().parse_args(list(given))
    of_hydra = [text for text in flags.overrides if text.lstrip("+~").startswith(("hydra.", "hydra/"))]
    own_texts = {*_given_texts(flags.overrides)}

    @cache
    def expected(groups: tuple[str, ...]) -> DictConfig:
        search = create_config_search_path(str(config_folder()))
        if flags.config_dir:
            search.prepend("command-line", f"file://{Path(flags.config_dir).resolve()}", anchor="schema")
        own, name = [*groups, *of_hydra], flags.config_name or "config"
        return compose(ConfigLoaderImpl(search), name, own, RunMode.RUN, validate_sweep_overrides=False)

    def compose_and_check(
        loader: ConfigLoaderImpl, config_name: str | None, overrides: list[str], *arguments: Any, **options: Any
    ) -> DictConfig:
        config = compose(loader, config_name, overrides, *arguments, **options)
        # Who gives a folder of configurations says what its files set.
        groups = (text for text in overrides if flags.config_dir and _names_group(text))
        try:
            check_composed(config, expected((*_own_choices(config), *groups)), own_texts)
        except (ValueError, HydraException) as error:
            sys.exit(explain(error))
        return config

    ConfigLoaderImpl.load_configuration = compose_and_check  # type: ignore[assignment,method-assign]
    before = os.environ.get(GIVEN_VARIABLE)
    kept = [text for text in given if not text.lstrip("+~").startswith(LEFT_TO_THE_SWEEP)]
    os.environ[GIVEN_VARIABLE] = json.dumps(kept)
    try:
        yield
    finally:
        ConfigLoaderImpl.load_configuration = compose  # type: ignore[method-assign]
        del os.environ[GIVEN_VARIABLE]
        if before is not None:
            os.environ[GIVEN_VARIABLE] = before


def _given_texts(overrides: Sequence[str]) -> Iterator[str]:
    """Yield all texts in the values of overrides."""
    for override in OverridesParser.create().parse_overrides([*single_values(overrides)]):
        yield from texts_of(override.value())


def _names_group(override: str) -> bool:
    return "." not in override.partition("=")[0].partition("@")[0]


def _own_choices(config: DictConfig) -> Iterator[str]:
    """Yield the choice of a launcher and a sweeper of this package, whose options a person may set."""
    for group in ("hydra/launcher", "hydra/sweeper"):
        choice = config.hydra.runtime.choices[group]
        if choice in {file.stem for file in (config_folder() / group).glob("*.yaml")}:
            yield f"{group}={choice}"


def check_composed(config: DictConfig, expected: DictConfig, given: Iterable[str] = ()) -> None:
    """Refuse a composed configuration that could run code.

    Args:
        config: composed from what is stored and what is given.
        expected: composed from what is given of Hydra alone.
        given: the texts in the values that the person gave.

    Raises:
        ValueError: if it could.
    """
    known = {*find_targets(expected), *HYDRAS_OWN}
    check_targets(name for name in find_targets(config) if name not in known)
    found, own = (_plain(node) for node in (config, expected))
    unsafe = find_unsafe({*texts_of(found)} - {*texts_of(own), *given})
    if unsafe:
        raise ValueError(f"the stored configuration has {unsafe}, which may read or make anything: {HOW_TO_RESUME}")
    name = next(_foreign_settings(found["hydra"], own["hydra"]), None)
    if name is not None:
        raise ValueError(
            f"the stored configuration sets hydra.{name}, which could run any code or write anywhere: {HOW_TO_RESUME}"
        )


def check_resolved(config: DictConfig) -> None:
    """Refuse a configuration of a task whose texts would be resolved once more when objects are made of it.

    Raises:
        ValueError: if one would.
    """
    content: Any = OmegaConf.to_container(config, resolve=True)
    late = [text for text in texts_of(content) if "${" in text]
    if late:
        raise ValueError(f"the stored configuration becomes {late[0]!r}, which may read anything: {HOW_TO_RESUME}")


def _plain(config: DictConfig) -> dict[str, Any]:
    content: Any = OmegaConf.to_container(config, resolve=False)
    # Hydra repeats all overrides there.
    del content["hydra"]["overrides"], content["hydra"]["job"]["override_dirname"]
    return dict(content)


def _foreign_settings(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of Hydra's settings that are others than expected and could run code."""
    named = {"output_subdir": (found, expected), "job.name": (found["job"], expected["job"])}
    yield from (name for name in _changed(found, expected) if name not in {*FREE, *named, "job"})
    jobs = (f"job.{name}" for name in _changed(found["job"], expected["job"]) if name not in FREE_OF_JOB)
    yield from (name for name in jobs if name not in named)
    for name, (its, own) in named.items():
        key = name.rpartition(".")[2]
        if its.get(key) not in (None, own.get(key)) and not PLAIN_NAME.fullmatch(str(its[key])):
            yield name
    for key in SCRIPTS:
        name = key.rpartition(".")[2]
        value = found["launcher"].get(name)
        if value and value != expected["launcher"].get(name):
            yield f"launcher.{name}"


def _changed(found: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
