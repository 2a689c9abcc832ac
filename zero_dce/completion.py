"""Completion in the shell: ``zero-dce --install-completion``, and what is proposed after the command's name.

At each press of Tab the shell starts ``zero-dce`` with the line in ``COMP_LINE``, and argcomplete writes the proposals.
None of them needs PyTorch, which takes seconds to import.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Container
from pathlib import Path
from typing import NoReturn

import argcomplete
from argcomplete.lexers import split_line
from argcomplete.shell_integration import shellcode

from zero_dce.files import write_file

PROGRAM = "zero-dce"
INSTALL = "--install-completion"
SHELLS = ("bash", "zsh", "fish")
# argcomplete's variable: which word of the line is the program that is completed, counted from 1.
PROGRAM_WORD = "_ARGCOMPLETE"


def is_completing() -> bool:
    """Tell whether the shell asks for proposals."""
    return PROGRAM_WORD in os.environ


def propose(parser: argparse.ArgumentParser) -> NoReturn:
    """Print what can come next on the line, and end the process."""
    argcomplete.autocomplete(parser)
    raise AssertionError("argcomplete ends the process")


def propose_at_parsing() -> None:
    """Let the command that is called next propose where it would parse its arguments, before it does anything."""

    def parse_args(parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        propose(parser)

    argparse.ArgumentParser.parse_args = parse_args  # type: ignore[assignment]  # in a process that only proposes


def begin_command(names: Container[str]) -> str | None:
    """Return the command that the line names, whose arguments are completed now; ``None``: it is completed itself."""
    words = words_before()
    if len(words) < 2 or words[1] not in names:
        return None
    os.environ[PROGRAM_WORD] = "2"
    sys.argv[1:] = words[2:]
    return words[1]


def words_before() -> list[str]:
    """Return the words of the line before the one that is completed, the program's name first."""
    *_, words, _ = split_line(os.environ["COMP_LINE"], int(os.environ["COMP_POINT"]))
    return [str(word) for word in words]


def install_completion(shell: str | None = None) -> str:
    """Write the file that the shell reads completions from, and return what is to be done besides.

    Args:
        shell: one of ``SHELLS``; ``None``: that of the variable ``SHELL``.

    Raises:
        ValueError: if it is another one.
        OSError: if the file cannot be written.
    """
    name = shell or Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise ValueError(
            f"cannot complete in the shell {name!r}; expected zero-dce {INSTALL} SHELL, with one of {', '.join(SHELLS)}"
        )
    file = completion_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, shellcode([PROGRAM], shell=name))
    return f"{file} is written. {_what_is_left(name, file)}"


def completion_file(shell: str) -> Path:
    """Return the file of the user's own completions of this program, where the shell looks for them."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        "bash": data / "bash-completion" / "completions" / PROGRAM,
        "zsh": data / "zsh" / "site-functions" / f"_{PROGRAM}",
        "fish": settings / "fish" / "completions" / f"{PROGRAM}.fish",
    }[shell]


def _what_is_left(shell: str, file: Path) -> str:
    if shell == "zsh":
        line = f"fpath=({shlex.quote(str(file.parent))} $fpath); autoload -Uz compinit && compinit"
        return f"zsh reads it with this line in ~/.zshrc:\n{line}"
    if shell == "bash":
        line = f"source {shlex.quote(str(file))}"
        return f"A new bash reads it where the package bash-completion is set up; elsewhere, add to ~/.bashrc:\n{line}"
    return "A new fish reads it."
