"""What the stored configuration of a run or sweep that is resumed may do: a folder may come from somebody else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from omegaconf import DictConfig

from zero_dce.records.configuration import parse_stored, read_yaml
from zero_dce.train.configuration import ALLOW_OPTION, ALLOW_VARIABLE, find_targets, named_targets

# Classes of these packages are made, and of those that allow_targets= names. The last part of a name must be a class:
# functions of these packages read files that run code.
ALLOWED_TARGETS = ("zero_dce.", "hydra_plugins.zero_dce.", "lightning.", "torch.optim.")
# What conf makes besides, each by its whole name.
ALLOWED_BY_NAME = ("datetime.timedelta",)
# A folder of configuration files has no more folders in it.
MOST_FOLDERS = 1000
# By these settings of Hydra a configuration could bring code of its own.
REFUSED_SETTINGS = ("hydra.searchpath", "hydra.callbacks", "hydra.job_logging", "hydra.hydra_logging", "hydra.job.env")


def allow_own(overrides: Sequence[str]) -> None:
    """Allow what overrides name that a person has given, as to a job that is started again."""
    named = set(named_targets(overrides))
    os.environ[ALLOW_VARIABLE] = ",".join(filter(None, [os.environ.get(ALLOW_VARIABLE, ""), *sorted(named)]))


def check_targets(targets: Iterable[str]) -> None:
    """Raise ValueError unless each dotted name is of a class that a resumed run may make objects of."""
    more = tuple(f"{name.rstrip('.')}." for name in os.environ.get(ALLOW_VARIABLE, "").split(",") if name)
    for target in targets:
        own = target.startswith(ALLOWED_TARGETS) and target.rpartition(".")[2][:1].isupper()
        if not own and target not in ALLOWED_BY_NAME and not f"{target}.".startswith(more or ("-",)):
            packages = ", ".join(name.rstrip(".") for name in ALLOWED_TARGETS)
            raise ValueError(
                f"the stored configuration makes {target!r}, which may run any code: only classes of {packages} are "
                f"made when something is resumed. If you know it, add {ALLOW_OPTION}{target.partition('.')[0]}"
            )


def check_stored(overrides: Sequence[str], flags: Sequence[str] = ()) -> None:
    """Refuse overrides and flags that were read from a folder if they would run code that the folder names.

    Raises:
        ValueError: if they would.
    """
    for override in parse_stored(overrides):
        key = str(override.key_or_group)
        if key.startswith(REFUSED_SETTINGS):
            raise ValueError(
                f"the stored override {override.input_line!r} could run any code: take it out of the folder's "
                "sweep.json or .hydra/overrides.yaml, and give it on the command line if you need it"
            )
        if "../" in str(override.input_line).replace("\\", "/") and "." not in key:
            raise ValueError(f"the stored override {override.input_line!r} leads out of the configuration's folder")
    check_targets(named_targets(overrides))
    for flag, folder in pairwise(flags):
        if flag in ("--config-dir", "-cd"):
            for file in _yaml_files(folder):
                check_targets(find_targets(read_yaml(file, DictConfig)))


def _yaml_files(folder: str) -> list[Path]:
    """Return all YAML files below a folder that was read from a file; it may be the whole disk.

    Raises:
        ValueError: if there are more folders than a configuration has.
    """
    found = []
    for number, (inner, _, names) in enumerate(os.walk(folder)):
        if number == MOST_FOLDERS:
            raise ValueError(
                f"the stored --config-dir {folder} has more than {MOST_FOLDERS} folders; expected one of configuration "
                "files: take it out of the folder's sweep.json"
            )
        found += [Path(inner, name) for name in names if name.endswith(".yaml")]
    return sorted(found)
