"""Completion of overrides in the shell, as Hydra proposes them: groups, their files, keys and values."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from io import StringIO

from hydra._internal.utils import get_args_parser

from zero_dce.cli import propose, words_before
from zero_dce.train.__main__ import compose_and_train
from zero_dce.train.configuration import register_plugins, register_resolvers


def main() -> None:
    """Print what can come next on the line ``zero-dce train ...``, and end the process."""
    register_resolvers()
    register_plugins()
    parser = get_args_parser()
    for action in parser._actions:
        # Some of Hydra's texts are made only when help is printed; argcomplete reads plain ones.
        action.help = str(action.help)
        if action.dest == "overrides":
            action.completer = _matches  # type: ignore[attr-defined]  # argcomplete looks for it
    propose(parser)


def _matches(prefix: str, **_: object) -> list[str]:
    """Return what a word can be completed to; one that leads to further keys is followed, and needs no Tab more."""
    before = words_before()[2:]
    found = _ask_hydra([*before, prefix])
    while len(found) == 1 and found[0].endswith("."):
        found = _ask_hydra([*before, found[0]])
    return found


def _ask_hydra(words: list[str]) -> list[str]:
    """Return Hydra's proposals, which it prints, for a line of overrides."""
    line, os.environ["COMP_LINE"] = os.environ["COMP_LINE"], " ".join(["zero-dce", *words])
    sys.argv[1:] = ["--shell-completion", "query=bash"]
    try:
        with redirect_stdout(StringIO()) as printed:
            compose_and_train()
    finally:
        os.environ["COMP_LINE"] = line
    return printed.getvalue().split()
