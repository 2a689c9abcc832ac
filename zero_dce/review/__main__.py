"""Look at a sweep and choose from it: ``python -m zero_dce.review report SWEEP_DIR``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from zero_dce.review import report

# Each module has ``add_arguments(parser)`` and ``run(options)``; its first line is the subcommand's help.
COMMANDS = {"report": report}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m zero_dce.review", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        module.add_arguments(subparsers.add_parser(name, help=summary, description=module.__doc__))
    options = parser.parse_args(arguments)
    try:
        COMMANDS[options.command].run(options)
    except (OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
