"""What Hydra has written beside a run, and anybody may have changed: its YAML files and overrides."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped]  # OmegaConf needs it and lets its errors through
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from zero_dce.checks import find_misfit
from zero_dce.files import MOST_NESTED
from zero_dce.records.interpolation import without_foreign
from zero_dce.records.run import HYDRA

Config = TypeVar("Config", DictConfig, ListConfig)
# An override that was read has at most so many characters: the time to parse it grows with their square.
MOST_CHARACTERS_OF_OVERRIDE = 10_000
# Hydra's files have some kilobytes; PyYAML and OmegaConf take 10 s for a megabyte.
MOST_YAML_CHARACTERS, MOST_YAML_VALUES = 200_000, 20_000
# PyYAML's fast parser is not in every build of it.
FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What OmegaConf and PyYAML raise on files that others have written.
OF_YAML = (ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError, OmegaConfBaseException)


def read_yaml(file: Path, kind: type[Config]) -> Config:
    """Read one of the files that Hydra writes beside a run: a mapping (``DictConfig``) or a list (``ListConfig``).

    In a mapping, only interpolations as those of conf/ are resolved later: see :func:`without_foreign`.

    Raises:
        FileNotFoundError: if it does not exist.
        ValueError: if it holds something else; the message names the file.
    """
    try:
        # Opening a pipe waits for who writes to it.
        if file.exists() and not file.is_file():
            raise ValueError("it is no file")
        text = file.read_text(encoding="utf-8")
        _check_yaml(text)
        config = OmegaConf.load(io.StringIO(text))
    except FileNotFoundError:
        raise
    except (OSError, *OF_YAML) as error:
        expected = "expected a file as Hydra writes it: restore it, or take it away"
        raise ValueError(f"{file} cannot be read as YAML ({shorten(str(error), 300)}); {expected}") from error
    if not isinstance(config, kind):
        expected = "a list" if kind is ListConfig else "keys with values"
        raise ValueError(f"{file} holds a {type(config).__name__}; expected {expected}: restore it, or take it away")
    if kind is ListConfig:
        return config
    harmless: Config = OmegaConf.create(without_foreign(OmegaConf.to_container(config, resolve=False)))
    return harmless


def _check_yaml(text: str) -> None:
    """Raise ValueError where reading YAML could take long, or all memory: a few lines of it can stand for terabytes."""
    if len(text) > MOST_YAML_CHARACTERS:
        raise ValueError(f"it has more than {MOST_YAML_CHARACTERS / 1e6:g} million characters")
    count, begun, sizes = 0, list[tuple[str | None, int]](), dict[str | None, int]()
    for event in yaml.parse(text, Loader=FAST_LOADER):
        before = count
        if isinstance(event, yaml.AliasEvent):
            # One that is in itself has no size yet, and never ends.
            count += sizes.get(event.anchor, MOST_YAML_VALUES)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = begun.pop()
            sizes[anchor] = count - before
        elif isinstance(event, yaml.NodeEvent):
            count += 1
            sizes[event.anchor] = 1
            if isinstance(event, yaml.CollectionStartEvent):
                begun.append((event.anchor, before))
                del sizes[event.anchor]
        if len(begun) > MOST_NESTED or count > MOST_YAML_VALUES:
            raise ValueError(f"it has more than {MOST_YAML_VALUES} values, or {MOST_NESTED} one within the other")


def select_option(place: Path, key: str, shape: Any, config: DictConfig | None = None) -> Any:
    """Return the value of an option in a run's configuration, as plain values; ``None`` where it is not given.

    Args:
        place: the configuration's file.
        key: of the option, with dots.
        shape: of the value, see :func:`zero_dce.checks.find_misfit`.
        config: what the file holds, if it was read already.

    Raises:
        ValueError: if the file or the value cannot be read, or the value is of another shape; the message names both.
    """
    config = read_yaml(place, DictConfig) if config is None else config
    try:
        value = OmegaConf.select(config, key)
        value = OmegaConf.to_container(value, resolve=True) if isinstance(value, DictConfig | ListConfig) else value
    except OF_YAML as error:
        raise ValueError(f"{place} has a value of {key} that cannot be read: {shorten(str(error), 300)}") from error
    fault = find_misfit(value, shape, key)
    if fault:
        raise ValueError(f"{place} {fault}; expected a file as Hydra writes it: restore it, or take it away")
    return value


def parse_stored(overrides: Sequence[str]) -> list[Override]:
    """Parse overrides that were read from a file, as Hydra does.

    Raises:
        ValueError: if one is no override, or too long to be one; the message shows it.
    """
    parser, parsed = OverridesParser.create(), []
    for text in overrides:
        try:
            if len(text) > MOST_CHARACTERS_OF_OVERRIDE:
                raise ValueError(f"it has {len(text)} characters")
            parsed.append(parser.parse_override(text))
        except (HydraException, ValueError, RecursionError) as error:
            raise ValueError(
                f"the stored override {text[:60]!r} cannot be read ({shorten(str(error), 200)}): restore sweep.json or "
                f"{HYDRA}/overrides.yaml"
            ) from error
    return parsed


def leaves_of(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the options of nested settings by the names that they have on the command line, with their values.

    >>> list(leaves_of({"loss": {"weights": {"exp": 10}, "name": None}, "tags": ["a"], "x": {}}))
    [('loss.weights.exp', 10), ('loss.name', None), ('tags', ['a']), ('x', {})]
    """
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from leaves_of(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
