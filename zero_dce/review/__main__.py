"""Look at a sweep and choose from it: ``python -m zero_dce.review report SWEEP_DIR``, and so on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from zero_dce.terminal import errors_as_messages

# Each is a module beside this one with add_arguments(parser) and run(options); its docstring begins with the text. Only
# the one asked for is imported: report needs torch, dashboard needs W&B, and the help needs neither.
SUBCOMMANDS = {
    "report": "Write report.html, the page on which a checkpoint is chosen by eye.",
    "serve": "Serve the page while runs go on: it follows them in the browser without being loaded again.",
    "pick": "Keep one checkpoint of a sweep: its weights, configuration, measures and sample pictures, in one folder.",
    "push": "Publish a picked checkpoint on the Hugging Face Hub: weights, model card, measures, sample pictures.",
    "rank": "Rank checkpoints by the votes that the page saved, as the page did.",
    "dashboard": "Save a W&B workspace of a sweep: sample pictures by step and run, losses and measures.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="python -m zero_dce.review", description="Look at a sweep, and choose.")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, text in SUBCOMMANDS.items():
        command = commands.add_parser(name, help=text)
        if given[:1] == [name]:
            module = import_module(f"zero_dce.review.{name}")
            command.description = module.__doc__
            command.set_defaults(run=module.run)
            module.add_arguments(command)
    options = parser.parse_args(given or ["--help"])
    with errors_as_messages():
        options.run(options)


if __name__ == "__main__":
    main()
