"""Which objects a resumed run may make: its stored configuration names classes, and may come from somebody else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from inspect import isclass
from pydoc import ErrorDuringImport, locate

import hydra.utils

from zero_dce.train.configuration import (
    ALLOW_OPTION,
    ALLOW_VARIABLE,
    config_folder,
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


def allow_own(overrides: Sequence[str]) -> None:
    """Allow to make what overrides name that a person has given, now or to a job that is started again."""
    named = sorted({*named_targets([text for text in overrides if "=" in text])})
    if named:
        os.environ[ALLOW_VARIABLE] = ",".join(filter(None, [os.environ.get(ALLOW_VARIABLE, ""), *named]))


@contextmanager
def nothing_allowed() -> Iterator[None]:
    """Allow no classes in the block but those that are always made."""
    allowed = os.environ.pop(ALLOW_VARIABLE, None)
    try:
        yield
    finally:
        if allowed is not None:
            os.environ[ALLOW_VARIABLE] = allowed


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
