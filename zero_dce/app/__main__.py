"""A page to try the network on photographs: ``python -m zero_dce.app [--weights FILE_OR_DIR ...]``.

Drop photographs, move the controls, compare before and after, and download the results in full size, in the
photographs' own format. The page is served on this machine only, unless --host says otherwise; nothing is sent
elsewhere.

This file is also the app.py of a Hugging Face Space, as it is: --write-space DIR writes one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from zero_dce import __version__
from zero_dce.app.checkpoints import list_weights
from zero_dce.app.server import MOST_PORT, default_address, serve
from zero_dce.app.space import WEIGHTS_FOLDER, write_space
from zero_dce.checks import check_number
from zero_dce.signals import StopSignals
from zero_dce.terminal import errors_as_messages
from zero_dce.weights import path_or_address

# A medium-format camera's have 102.
MOST_MEGAPIXELS = 150


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    with StopSignals() as signals, errors_as_messages(), signals.obeyed():
        check_number("--max-megapixels", options.max_megapixels, open_=True)
        if options.port is not None:
            check_number("--port", options.port, least=1, most=MOST_PORT, whole=True)
        weights = list_weights(options.weights or _weights_beside())
        if options.write_space:
            write_space(options.write_space, weights if options.weights else {})
            return
        host, port = default_address(os.environ)
        serve(weights, options.host or host, port if options.port is None else options.port, options.max_megapixels)


def _weights_beside() -> list[str | Path]:
    """Return the folder of weights beside this file, which a Space may have."""
    folder = Path(__file__).with_name(WEIGHTS_FOLDER)
    return [folder] if folder.is_dir() else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zero_dce.app", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"zero_dce {__version__}")
    parser.add_argument(
        "--weights",
        type=path_or_address,
        nargs="+",
        metavar="FILE_OR_DIR",
        help="files, picked folders, runs', sweeps' or hf://USER/NAME: the page offers all; default: this package's",
    )
    parser.add_argument("--host", help="the address to listen on; default: 127.0.0.1, this machine only")
    parser.add_argument("--port", type=int, help="default: the first free one from 7860")
    parser.add_argument(
        "--max-megapixels", type=float, default=MOST_MEGAPIXELS, metavar="N", help="refuse larger; default: 150"
    )
    parser.add_argument(
        "--write-space",
        type=Path,
        metavar="DIR",
        help="write app.py, requirements.txt and README.md of a Hugging Face Space, with the weights given; then end",
    )
    return parser


if __name__ == "__main__":
    main()
