"""The console script ``zero-dce COMMAND ...``: the same as ``python -m zero_dce.COMMAND ...``.

Only ``inspect`` is another module, ``zero_dce.data.inspect``, and ``push`` is ``python -m zero_dce.review push``.

The shell completes the line with Tab after ``zero-dce --install-completion``: it then starts ``zero-dce`` with the line
in ``COMP_LINE``, and argcomplete writes the proposals. None of them needs PyTorch, which takes seconds to import.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import argcomplete
from argcomplete.lexers import split_line
from argcomplete.shell_integration import shellcode

from zero_dce import __version__
from zero_dce.files import ensure_folder, write_file
from zero_dce.terminal import errors_as_messages, tell

COMMANDS = {
    "inspect": ("zero_dce.data.inspect", "look at a data set before training on it"),
    "train": ("zero_dce.train.__main__", "train, or sweep (Hydra overrides)"),
    "review": ("zero_dce.review.__main__", "look at a sweep, and choose"),
    "push": ("zero_dce.review.__main__", "publish a picked checkpoint on the Hugging Face Hub"),
    "evaluate": ("zero_dce.evaluate.__main__", "measure checkpoints on pictures"),
    "enhance": ("zero_dce.enhance.__main__", "enhance photographs and clips"),
    "app": ("zero_dce.app.__main__", "try photographs on a page in the browser"),
    "export": ("zero_dce.export.__main__", "write a network for other programs"),
}


# Of review, which finds its name where it is.
OF_REVIEW = ("push",)
PROGRAM = "zero-dce"
INSTALL = "--install-completion"
SHELLS = ("bash", "zsh", "fish")
# argcomplete's variable: which word of the line is the program that is completed, counted from 1.
PROGRAM_WORD = "_ARGCOMPLETE"


def main() -> None:
    """Run the command that is named first."""
    if is_completing():
        _complete()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        tell(_usage())
        return
    if name == "--version":
        tell(f"zero_dce {__version__}")
        return
    if name == INSTALL:
        with errors_as_messages():
            tell(install_completion(*sys.argv[2:3]))
        return
    if name not in COMMANDS:
        sys.exit(f"zero-dce: there is no command {name!r}\n{_usage()}")
    if name not in OF_REVIEW:
        del sys.argv[1]
    import_module(COMMANDS[name][0]).main()


def _usage() -> str:
    lines = [f"  {name:10}{text}" for name, (_, text) in COMMANDS.items()]
    further = ["zero-dce COMMAND --help says more.", f"zero-dce {INSTALL} lets the shell complete with Tab."]
    return "\n".join(["usage: zero-dce COMMAND ...", *lines, *further])


def _complete() -> NoReturn:
    """Print what can come next on the line for the shell that asks, and end the process."""
    name = begin_command()
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


def begin_command() -> str | None:
    """Return the command that the line names, whose arguments are completed now; ``None``: it is completed itself."""
    words = words_before()
    if len(words) < 2 or words[1] not in COMMANDS:
        return None
    place = 1 if words[1] in OF_REVIEW else 2
    os.environ[PROGRAM_WORD] = str(place)
    sys.argv[1:] = words[place:]
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
    ensure_folder(file.parent)
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
