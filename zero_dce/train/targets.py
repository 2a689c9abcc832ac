"""Which objects a resumed run may make: its stored configuration names classes, and may come from somebody else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from zero_dce.train.configuration import (
    ALLOW_OPTION,
    ALLOW_VARIABLE,
    config_folder,
    named_targets,
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
    """Raise ValueError unless each dotted name is of what a resumed run may make objects of."""
    for target in targets:
        if target not in _own_targets() and not is_allowed(target):
            raise ValueError(
                f"the stored configuration makes {target!r}, which may run any code: only what the package's own "
                "configuration makes is made when something is resumed. If you know it, add "
                f"{ALLOW_OPTION}{target.partition('.')[0]}"
            )


def is_allowed(target: str) -> bool:
    """Tell whether a person has allowed to make what a dotted name names, by itself or by its package."""
    names = [name.rstrip(".") for name in os.environ.get(ALLOW_VARIABLE, "").split(",")]
    return any(f"{target}.".startswith(f"{name}.") for name in names if name)


@cache
def _own_targets() -> frozenset[str]:
    """Return what the files of conf/ make."""
    texts = (file.read_text(encoding="utf-8") for file in config_folder().rglob("*.yaml"))
    return frozenset(target for text in texts for target in TARGETS_IN_TEXT.findall(text))
