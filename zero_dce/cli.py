"""The console script ``zero-dce COMMAND ...``: the same as ``python -m zero_dce.COMMAND ...``.

Only ``inspect`` is another module, ``zero_dce.data.inspect``.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import NoReturn

from zero_dce import __version__
from zero_dce.completion import (
    INSTALL,
    SHELLS,
    begin_command,
    install_completion,
    is_completing,
    propose,
    propose_at_parsing,
)
from zero_dce.terminal import errors_as_messages

COMMANDS = {
    "inspect": ("zero_dce.data.inspect", "look at a data set before training on it"),
    "train": ("zero_dce.train.__main__", "train, or sweep (Hydra overrides)"),
    "review": ("zero_dce.review.__main__", "look at a sweep, and choose"),
    "evaluate": ("zero_dce.evaluate.__main__", "measure checkpoints on pictures"),
    "enhance": ("zero_dce.enhance.__main__", "enhance photographs and clips"),
    "export": ("zero_dce.export.__main__", "write a network for other programs"),
}


def main() -> None:
    """Run the command that is named first."""
    if is_completing():
        _complete()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print(_usage())
        return
    if name == "--version":
        print(f"zero_dce {__version__}")
        return
    if name == INSTALL:
        with errors_as_messages():
            print(install_completion(*sys.argv[2:3]))
        return
    if name not in COMMANDS:
        sys.exit(f"zero-dce: there is no command {name!r}\n{_usage()}")
    del sys.argv[1]
    import_module(COMMANDS[name][0]).main()


def _usage() -> str:
    lines = [f"  {name:10}{text}" for name, (_, text) in COMMANDS.items()]
    further = ["zero-dce COMMAND --help says more.", f"zero-dce {INSTALL} lets the shell complete with Tab."]
    return "\n".join(["usage: zero-dce COMMAND ...", *lines, *further])


def _complete() -> NoReturn:
    """Print what can come next on the line for the shell that asks, and end the process."""
    name = begin_command(COMMANDS)
    if name is None:
        propose(_parser())
    module, _ = COMMANDS[name]
    if name == "train":
        # Hydra parses by itself, and has proposals of its own.
        module = "zero_dce.train.completion"
    else:
        propose_at_parsing()
    import_module(module).main()
    sys.exit(f"zero-dce {name} parsed no arguments")


def _parser() -> argparse.ArgumentParser:
    """Return a parser of the line as far as the command's name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument(INSTALL, choices=SHELLS, help="let a shell complete with Tab")
    commands = parser.add_subparsers()
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text)
    return parser
