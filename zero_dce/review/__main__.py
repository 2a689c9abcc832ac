"""Look at a sweep and choose from it: ``python -m zero_dce.review report SWEEP_DIR``, and so on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from zero_dce.review import dashboard, pick, rank, report
from zero_dce.terminal import print_any_name

# Each module has add_arguments(parser) and run(options).
COMMANDS: dict[str, ModuleType] = {"report": report, "pick": pick, "rank": rank, "dashboard": dashboard}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m zero_dce.review", description="Look at a sweep, and choose.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, module in COMMANDS.items():
        text = (module.__doc__ or "").strip()
        module.add_arguments(commands.add_parser(name, help=text.partition("\n")[0], description=text))
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return
    print_any_name()
    try:
        COMMANDS[options.command].run(options)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
