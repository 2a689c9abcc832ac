"""The console script ``zero-dce COMMAND ...``: the same as ``python -m zero_dce.COMMAND ...``.

Only ``inspect`` is another module, ``zero_dce.data.inspect``, and ``push`` is ``python -m zero_dce.review push``.
"""

from __future__ import annotations

import sys
from importlib import import_module

from zero_dce import __version__

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


def main() -> None:
    """Run the command that is named first."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print(_usage())
        return
    if name == "--version":
        print(f"zero_dce {__version__}")
        return
    if name not in COMMANDS:
        sys.exit(f"zero-dce: there is no command {name!r}\n{_usage()}")
    if name not in OF_REVIEW:
        del sys.argv[1]
    import_module(COMMANDS[name][0]).main()


def _usage() -> str:
    lines = [f"  {name:10}{text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(["usage: zero-dce COMMAND ...", *lines, "zero-dce COMMAND --help says more."])
