"""What the stored configuration of a run or sweep that is resumed may do: a folder may come from somebody else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from inspect import isclass
from itertools import pairwise
from pathlib import Path
from pydoc import ErrorDuringImport, locate
from typing import Any

import hydra.utils
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from zero_dce.records.interpolation import foreign_interpolation
from zero_dce.train.configuration import (
    ALLOW_OPTION,
    ALLOW_VARIABLE,
    config_folder,
    find_targets,
    named_targets,
)

# Classes that are written in these packages are made, and of those that allow_targets= names.
ALLOWED_TARGETS = ("zero_dce.", "hydra_plugins.zero_dce.", "lightning.", "torch.optim.")
# Of other people's packages only the kinds of parts that a run has: lightning.pytorch.cli makes whatever it is told.
KINDS = (
    *("lightning.Trainer", "lightning.Callback", "lightning.pytorch.loggers.Logger"),
    *("lightning.pytorch.profilers.Profiler", "lightning.pytorch.strategies.Strategy"),
    *("lightning.pytorch.accelerators.Accelerator", "lightning.pytorch.plugins.Precision"),
    *("torch.optim.Optimizer", "torch.optim.lr_scheduler.LRScheduler"),
)
TARGETS_IN_TEXT = re.compile(r"""_target_['"]?\s*[:=]\s*['"]?([^\s'",}\]]+)""")
# What a stored configuration may set of Hydra itself. By other settings, such as those of its log, its callbacks and
# where it searches, it could bring code of its own.
SETTINGS = (
    *(
        "hydra/launcher",
        "hydra/sweeper",
        "hydra.launcher.",
        "hydra.sweeper.",
        "hydra.sweep.",
        "hydra.run.",
        "hydra.mode",
    ),
    *("hydra.job.name", "hydra.job.num", "hydra.job.chdir", "hydra.output_subdir", "hydra.verbose"),
)
# These become lines of a job's script.
SCRIPTS = ("hydra.launcher.setup", "hydra.launcher.additional_parameters")
HYDRA_KEY = re.compile(r"\bhydra(?=[./]|$)")
FLAGS = ("--config-dir", "-cd", "--config-name", "-cn")
HOW_TO_RESUME = "take it out of the folder's sweep.json or .hydra/overrides.yaml, or give it again on the command line"


def allow_own(overrides: Sequence[str]) -> None:
    """Allow what overrides name that a person has given, as to a job that is started again."""
    named = set(named_targets(overrides)) | {text for text in overrides if foreign_interpolation(text)}
    os.environ[ALLOW_VARIABLE] = ",".join(filter(None, [os.environ.get(ALLOW_VARIABLE, ""), *sorted(named)]))


def check_targets(targets: Iterable[str]) -> None:
    """Raise ValueError unless each dotted name is of a class that a resumed run may make objects of."""
    more = tuple(f"{name.rstrip('.')}." for name in os.environ.get(ALLOW_VARIABLE, "").split(",") if name)
    for target in targets:
        allowed = target in _own_targets() or f"{target}.".startswith(more or ("-",))
        if not allowed and not (target.startswith(ALLOWED_TARGETS) and _is_part(target)):
            packages = ", ".join(name.rstrip(".") for name in ALLOWED_TARGETS)
            raise ValueError(
                f"the stored configuration makes {target!r}, which may run any code: only classes of {packages} are "
                f"made when something is resumed. If you know it, add {ALLOW_OPTION}{target.partition('.')[0]}"
            )


@cache
def _own_targets() -> frozenset[str]:
    """Return what the files of conf/ make."""
    texts = (file.read_text(encoding="utf-8") for file in config_folder().rglob("*.yaml"))
    return frozenset(target for text in texts for target in TARGETS_IN_TEXT.findall(text))


def _is_part(target: str) -> bool:
    """Tell whether a name in an allowed package is of a class that is written there, and of a kind that runs have.

    A name can lead through a module to what that has imported: ``zero_dce.train.ending.subprocess.Popen``.
    """
    if not re.fullmatch(r"\w+(\.\w+)+", target):
        return False
    try:
        found = locate(target)
    except ErrorDuringImport:
        return False
    if not isclass(found) or not f"{found.__module__}.".startswith(ALLOWED_TARGETS):
        return False
    return found.__module__.startswith(("zero_dce.", "hydra_plugins.")) or issubclass(
        found, tuple(map(hydra.utils.get_class, KINDS))
    )


def check_stored(overrides: Sequence[str], flags: Sequence[str] = ()) -> None:
    """Refuse overrides and flags that were read from a folder if they would run code that the folder names.

    Raises:
        ValueError: if they would, or cannot be read.
    """
    for text in overrides:
        _check_override(str(text))
    _check_flags(flags)


def _check_override(text: str) -> None:
    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise ValueError(f"the stored override {text!r} cannot be read: {HOW_TO_RESUME}") from error
    key = str(override.key_or_group)
    value = override.value() if not override.is_delete() else None
    paths = [*_paths(key, value), *([f"{override.package}."] if override.package else [])]
    if not text.isprintable() or not all(map(_is_harmless, paths)):
        raise ValueError(f"the stored override {text!r} could run any code: {HOW_TO_RESUME}")
    if "../" in text.replace("\\", "/") and ("." not in key or "../" in key):
        raise ValueError(f"the stored override {text!r} leads out of the configuration's folder")
    foreign = foreign_interpolation(text)
    if foreign and text not in os.environ.get(ALLOW_VARIABLE, ""):
        raise ValueError(
            f"the stored override {text!r} has {foreign}, which may read or make anything: {HOW_TO_RESUME}"
        )
    # A sweep's values are texts that are read as overrides later.
    check_targets([*named_targets([text]), *TARGETS_IN_TEXT.findall(text)])


def _paths(key: str, value: Any) -> Iterator[str]:
    """Yield the dotted keys of all that an override sets."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _paths(f"{key}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for inner in value:
            yield from _paths(key, inner)
    else:
        yield key


def _is_harmless(path: str) -> bool:
    """Tell whether a dotted key is the run's own, or one of Hydra's that a stored configuration may set."""
    path = path.removeprefix("_global_.")
    places = [match.start() for match in HYDRA_KEY.finditer(path)]
    # Elsewhere than at its beginning, Hydra is what a sweep runs over, or where a group is put.
    return not places or (places == [0] and path.startswith(SETTINGS) and not path.startswith(SCRIPTS))


def _check_flags(flags: Sequence[str]) -> None:
    if len(flags) % 2 or not {*flags[::2]} <= {*FLAGS}:
        raise ValueError(f"the stored flags {' '.join(map(str, flags))} are not {' or '.join(FLAGS)}: {HOW_TO_RESUME}")
    for flag, folder in pairwise(flags):
        if flag in ("--config-dir", "-cd"):
            for file in sorted(Path(folder).rglob("*.yaml")):
                _check_file(file, file.relative_to(folder))


def _check_file(file: Path, place: Path) -> None:
    """Refuse a file of a stored ``--config-dir`` as its values would be refused as overrides."""
    content: Any = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    text, group = file.read_text(encoding="utf-8"), ".".join(place.parent.parts)
    defaults = content.pop("defaults", []) if isinstance(content, dict) else []
    paths = [*_paths(group if group.startswith("hydra") else "_global_", content), *_groups(defaults)]
    foreign = next(filter(None, map(foreign_interpolation, text.splitlines())), None)
    if foreign or re.search(r"@package[^\n]*hydra", text) or not all(map(_is_harmless, paths)):
        raise ValueError(
            f"{file}, which the stored --config-dir names, {f'has {foreign}, which' if foreign else 'sets what'} could "
            "run any code: if you know it, give --config-dir again on the command line"
        )
    check_targets([*find_targets(content), *TARGETS_IN_TEXT.findall(text)])


def _groups(defaults: Sequence[Any]) -> Iterator[str]:
    """Yield the groups in a list of defaults, and where they are put: ``a`` and ``b`` of ``override /a@b: c``."""
    for entry in defaults:
        for name in entry if isinstance(entry, Mapping) else [entry]:
            yield from re.sub(r"^(?:optional |override )*/?", "", str(name)).split("@")
