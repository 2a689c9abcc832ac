"""Interpolations in a stored configuration: it may be somebody else's, and must not read this machine's environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# What the files of conf/ use; none of these reads more than the configuration, the clock and the hardware.
# new_folder is not among them, as it makes a folder.
RESOLVERS = "hydra|now|best_precision|at_most_cores|runs_folder|group|run_name"
# A value of the configuration itself, a resolver of conf/, or the one variable that conf/ takes a path from.
_HARMLESS = re.compile(
    rf"\$\{{\s*(?:[\w.\[\]\0-]+|(?:{RESOLVERS}):[^$\{{}}]*|oc\.env:SICE_ROOT(?:,[^$\{{}}]*)?)\s*\}}", re.ASCII
)
# A dollar that the value which follows may make an opening of, in this text or in one that it becomes a part of.
_LOOSE = re.compile(r"\$(?=\0|\Z).*", re.DOTALL)
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\\$\{")
_OPENING = re.compile(r"(\\*)\$\{")


def foreign_interpolation(text: str) -> str | None:
    """Return the part of a text, from an interpolation on, that conf/ itself would not have; ``None`` without one.

    ``${oc.env:NAME}`` reads the environment, and ``${oc.create:...}`` and ``${oc.decode:...}`` make what no look at the
    text finds.

    >>> foreign_interpolation("${runs_folder:${run_dir}}/wandb"), foreign_interpolation("a ${oc.env:KEY}")
    (None, '${oc.env:KEY}')
    """
    _, opening, rest = _without_harmless(_ESCAPED.sub("", text)).partition("${")
    return f"{opening}{rest}".replace("\0", "...") if opening else None


def unsafe_interpolation(text: str) -> str | None:
    r"""Return the part of a text that is a foreign interpolation, or may become one; ``None`` without one.

    Hydra resolves twice what it makes objects of, so that an escaped interpolation, and one whose dollar is the end of
    another value, are resolved the second time.

    >>> unsafe_interpolation(r"a \${oc.env:KEY}"), unsafe_interpolation("a$"), unsafe_interpolation("$5 ${b}")
    ('\\${oc.env:KEY}', '$', None)
    """
    _, escaped, rest = text.partition("\\${")
    loose = _LOOSE.search(_without_harmless(text))
    late = escaped + rest or (loose[0].replace("\0", "...") if loose else None)
    return foreign_interpolation(text) or late


def _without_harmless(text: str) -> str:
    """Return a text with a null character in the place of each interpolation that conf/ could have."""
    left, before = text, ""
    while left != before:
        # From the inside out. What was replaced may be an argument or a part of a key, but not of a resolver's name.
        before, left = left, _HARMLESS.sub("\0", left)
    return left


def without_foreign(content: Any) -> Any:
    r"""Return ``content`` with texts that have a foreign interpolation as mere texts: it is shown, and not resolved.

    >>> without_foreign({"a": "${b}", "b": "${oc.env:KEY}"})
    {'a': '${b}', 'b': '\\${oc.env:KEY}'}
    """
    if isinstance(content, Mapping):
        return {key: without_foreign(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_foreign(value) for value in content]
    if isinstance(content, str) and foreign_interpolation(content):
        # OmegaConf halves backslashes before an opening, and an odd one left over makes it text.
        return _OPENING.sub(lambda match: "\\" * (2 * len(match[1]) + 1) + "${", content)
    return content
