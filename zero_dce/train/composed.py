"""What a resumed configuration has become once Hydra has composed it: it brings no code that no person has given.

:mod:`zero_dce.train.stored` reads the texts of stored overrides, and says at once what is wrong with them. This
compares what came of them, before Hydra makes an object of it, with what the package and the person alone would make:
stored overrides may choose among the files of conf/ and give plain values to options of these.
"""

from __future__ import annotations

import json
import os
import re
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from zero_dce.records.configuration import leaves_of, parse_stored
from zero_dce.terminal import explain
from zero_dce.train.command_line import file_flags, quoted, resumed_folder
from zero_dce.train.configuration import GIVEN_VARIABLE, TARGET, config_folder, find_targets, loader_of
from zero_dce.train.stored import (
    HOW_TO_RESUME,
    MAY_BE_ADDED,
    find_unsafe,
    is_held,
    single_values,
    texts_of,
)
from zero_dce.train.targets import check_targets, is_allowed

# What a stored configuration may say of Hydra; all else is as the package and the person say.
FREE = {
    *("launcher", "sweeper", "sweep", "run", "mode", "verbose", "runtime", "job"),
    *("job.num", "job.id", "job.config", "job.config_name"),
}
# Files and folders get these names, which must not lead elsewhere.
NAMES_OF_PLACES = ("output_subdir", "job.name")
PLAIN_NAME = re.compile(r"\.?\w[\w.-]*")
# Which files of a group are chosen: one, several, or none.
FILE_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")
LAUNCHED = ("launcher", "sweeper")
# These have keys of their own, and values that are read as overrides or as names of measures.
TEXTS = re.compile(r"sweeper\.(params|also|objectives)\b(?!.*_target_)")
# What stands for another option, and what may stand for an object.
VALUE = re.compile(r"\$\{([\w.]+)\}")
OTHER_PART = re.compile(r"\$\{[^$]*\}", re.DOTALL)
ABSENT = object()


@contextmanager
def nothing_foreign(given: Sequence[str]) -> Iterator[None]:
    """Let Hydra compose only configurations in the block that bring no code, but for what a person has given.

    Args:
        given: the command line as the person gave it, without the program's name.

    In the block, composing ends the command where a configuration says what :func:`check_composed` refuses: Hydra goes
    on after any other exception when it asks a configuration whether it is of a sweep. Processes that are started in
    the block learn that they are to do the same, by :func:`zero_dce.train.configuration.given_before`.
    """
    compose = ConfigLoaderImpl.load_configuration
    flags = get_args_parser().parse_args(list(given))
    own = _Own(compose, flags.config_dir, flags.config_name, {*flags.overrides, *single_values(flags.overrides)})

    def compose_and_check(
        loader: ConfigLoaderImpl, config_name: str | None, overrides: list[str], *arguments: Any, **options: Any
    ) -> DictConfig:
        config = compose(loader, config_name, overrides, *arguments, **options)
        try:
            check_composed(config, own.compose(overrides))
        except (ValueError, HydraException) as error:
            sys.exit(explain(error))
        return config

    ConfigLoaderImpl.load_configuration = compose_and_check  # type: ignore[assignment,method-assign]
    before = os.environ.get(GIVEN_VARIABLE)
    os.environ[GIVEN_VARIABLE] = json.dumps(_wherever(flags))
    try:
        yield
    finally:
        ConfigLoaderImpl.load_configuration = compose  # type: ignore[method-assign]
        del os.environ[GIVEN_VARIABLE]
        if before is not None:
            os.environ[GIVEN_VARIABLE] = before


def _wherever(given: Namespace) -> list[str]:
    """Return a command line that means the same in another working folder; of two values of a key the last counts."""
    folder = resumed_folder(given.overrides)
    place = [] if folder is None else [f"resume={quoted(folder)}"]
    files = given.config_dir and str(Path(given.config_dir).resolve())
    return [*file_flags(files, given.config_name), *given.overrides, *place]


class _Own:
    """What the package and the person make of the choices among files that a resumed command line has."""

    def __init__(self, compose: Any, folder: str | None, name: str | None, given: set[str]) -> None:
        added = [f"file://{Path(folder).resolve()}"] if folder else []
        self._given, self._loader = given, loader_of(str(config_folder()), added)
        load = partial(compose, self._loader, name or "config", run_mode=RunMode.RUN, validate_sweep_overrides=False)
        # Each run of a sweep may have others, and a configuration takes a third of a megabyte.
        self._compose = lru_cache(maxsize=4)(lambda lines: load(overrides=[*lines]))

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return what remains of a configuration without what is stored, but for choices among files.

        What these run over, if they are of a sweep, they give to its runs.
        """
        parsed = OverridesParser.create().parse_overrides(list(overrides))
        pairs = zip(overrides, parsed, strict=True)
        own = {text for text, override in pairs if text in self._given or self._chooses(override)}
        config: DictConfig = self._compose(tuple(text for text in overrides if text in own))
        swept = {*single_values(_swept_texts(config.hydra.sweeper))} - own
        if not swept.isdisjoint(overrides):
            config = self._compose(tuple(text for text in overrides if text in own | swept))
        return config

    def _chooses(self, override: Override) -> bool:
        """Tell whether an override chooses among the files of a group.

        Raises:
            ValueError: if it leads out of the folder of these files.
        """
        value = None if override.is_delete() else override.value()
        group = self._loader.repository.group_exists(override.key_or_group)
        # Over what a sweep runs is chosen in the configuration of each run.
        if not group or isinstance(value, dict) or override.is_sweep_override():
            return False
        names = value if isinstance(value, list) else [value]
        plain = all(name is None or (isinstance(name, str) and FILE_NAME.fullmatch(name)) for name in names)
        # In another package, what leads elsewhere would have another name.
        if not plain or override.package is not None:
            raise ValueError(f"the stored {override.input_line!r} is no choice of conf/: {HOW_TO_RESUME}")
        return True


def check_composed(config: DictConfig, own: DictConfig) -> None:
    """Refuse a composed configuration that could run code, or lead anywhere.

    Args:
        config: composed from what is stored and what is given.
        own: composed from what is given and the choices among files alone.

    Raises:
        ValueError: if it could.
    """
    known = {*find_targets(own)}
    check_targets(name for name in find_targets(config) if name not in known)
    found, expected = (_plain(node) for node in (config, own))
    unsafe = find_unsafe({*texts_of(found)} - {*texts_of(expected)})
    if unsafe:
        raise ValueError(f"the stored configuration has {unsafe}, which may read or make anything: {HOW_TO_RESUME}")
    of_hydra = [f"hydra.{name}" for name in _foreign_settings(found.pop("hydra"), expected.pop("hydra"))]
    found, expected = (_with_values(content, content) for content in (found, expected))
    names = [*_foreign_options(found, expected), *of_hydra]
    if names:
        raise ValueError(
            f"the stored configuration sets {names[0]}, which may run any code or lead anywhere: {HOW_TO_RESUME}"
        )


def _swept_texts(sweeper: DictConfig) -> Iterator[str]:
    """Yield as overrides what a sweep's file lets it run over."""
    content: Any = OmegaConf.to_container(sweeper, resolve=False)
    also = content.get("also")
    # What is of another shape is refused later, as in a sweep that begins.
    for values in [content.get("params"), *(also if isinstance(also, list) else [])]:
        for key, value in values.items() if isinstance(values, Mapping) else ():
            # What stands for another option could stand for one that is stored.
            if "${" not in str(value):
                yield f"{key}={'null' if value is None else value}"


def is_of_conf(text: str) -> bool:
    """Tell whether a folder may store an override: a choice of a file, or a plain value of an option of conf/.

    What begins with ``+`` may add an option to a file that has none, so that few such are. Which of Hydra's settings
    may be stored is told by :func:`zero_dce.train.stored.check_stored`.
    """
    (override,) = parse_stored([text])
    key, value = str(override.key_or_group), None if override.is_delete() else override.value()
    if key.startswith(("hydra.", "hydra/")) or (key in _groups_of_conf() and not isinstance(value, Mapping)):
        return True
    if override.is_sweep_override():
        # Ranges and intervals are of numbers.
        value = value.list if isinstance(value, ChoiceSweep) else 0
    leaves = [*leaves_of({key: value})]
    if text.startswith("+"):
        return all(MAY_BE_ADDED.fullmatch(path) for path, _ in leaves)
    # A part of a configuration has no value of its own.
    parts = {path for path, _ in leaves if any(name.startswith(f"{path}.") for name in _options_of_conf())}
    return all(_may_be_stored(inner, {} if path in parts else None, path) for path, inner in leaves)


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


def _with_values(content: Any, root: Any) -> Any:
    """Return a part of a configuration with the values of what stands for a number or a text elsewhere in it."""
    if isinstance(content, Mapping):
        return {key: _with_values(value, root) for key, value in content.items()}
    if isinstance(content, list):
        return [_with_values(value, root) for value in content]
    reference = VALUE.fullmatch(content) if isinstance(content, str) else None
    node = root if reference else None
    for name in reference[1].split(".") if reference else []:
        node = node.get(name) if isinstance(node, Mapping) else None
    is_value = isinstance(node, str | int | float) and "${" not in str(node)
    return node if is_value else content


def _foreign_options(found: Any, own: Any, path: str = "") -> Iterator[str]:
    """Yield the options that are others than the own ones, and are not plain values of such in conf/."""
    if isinstance(found, Mapping) and found:
        inner = own if isinstance(own, Mapping) else {}
        target = found.get(TARGET)
        if target == inner.get(TARGET) or not is_allowed(str(target)):
            for key, value in found.items():
                yield from _foreign_options(value, inner.get(key, ABSENT), f"{path}.{key}" if path else str(key))
    elif found != own and not _may_be_stored(found, own, path):
        yield path


def _may_be_stored(value: Any, own: Any, path: str) -> bool:
    """Tell whether a folder may give an option a value."""
    if isinstance(own, Mapping):
        # A part of a run may be left out.
        return value is None
    # A person's own options are as that person gives them.
    known = path in _options_of_conf() and own is not ABSENT and not is_held(path, "" if value is None else value)
    items = value if isinstance(value, list) else [value]
    return (known or bool(MAY_BE_ADDED.fullmatch(path))) and all(map(_is_plain, items))


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a number or a text, and no other part of the configuration."""
    if isinstance(value, str):
        return not OTHER_PART.fullmatch(value.strip())
    return isinstance(value, int | float | None)


@cache
def _groups_of_conf() -> frozenset[str]:
    return frozenset(folder.relative_to(config_folder()).as_posix() for folder in config_folder().rglob("*/"))


@cache
def _options_of_conf() -> frozenset[str]:
    """Return the options that the files of conf/ have, by their full names but for a leading ``hydra.``."""
    names: set[str] = set()
    for file in config_folder().rglob("*.yaml"):
        folders = file.parent.relative_to(config_folder()).parts
        content: Any = OmegaConf.to_container(OmegaConf.load(file))
        at_top = "@package _global_" in file.read_text(encoding="utf-8")
        prefix = "" if at_top else "".join(f"{folder}." for folder in folders)
        names |= {name.removeprefix("hydra.") for name, _ in leaves_of(content, prefix)}
    return frozenset(names)


def _foreign_settings(found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of Hydra's settings that are others than expected and could run code."""
    settings, own = (_with_job(part) for part in (found, expected))
    for name in sorted({*settings, *own} - FREE):
        value = settings.get(name)
        named = name in NAMES_OF_PLACES and (value is None or PLAIN_NAME.fullmatch(str(value)))
        if value != own.get(name) and not named:
            yield name
    for group in LAUNCHED:
        yield from (name for name in _foreign_options(found[group], expected[group], group) if not TEXTS.match(name))
    # They are resolved before they are read as overrides.
    if any("${" in text for text in {*texts_of(found["sweeper"])} - {*texts_of(expected["sweeper"])}):
        yield "sweeper"


def _with_job(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return Hydra's settings, with each of those of the job by itself."""
    return {**settings, **{f"job.{name}": value for name, value in settings["job"].items()}}
