"""Serve the page while runs go on: it follows them in the browser without being loaded again.

The folder may be one that does not exist yet. Only this machine reaches the page, if --host says nothing else. Ctrl-C
ends it.
"""

from __future__ import annotations

import argparse
import sys
import threading
import webbrowser
from pathlib import Path

from zero_dce.checks import check_number
from zero_dce.signals import Interrupted, StopSignals
from zero_dce.terminal import tell

LOOPBACK = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this subcommand."""
    parser.add_argument("sweep", type=Path, metavar="SWEEP_DIR", help="a sweep's folder, or a single run's")
    parser.add_argument("--host", default=LOOPBACK, help=f"the address to listen on; default: {LOOPBACK}, this machine")
    parser.add_argument("--port", type=int, metavar="N", help="default: 8642, or the next that is free; 0: any")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")


def run(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C, which ends it with exit code 130.

    Raises:
        ValueError: if the folder can be none of a sweep or a single run, or the server cannot listen.
    """
    with StopSignals() as signals, signals.obeyed():
        try:
            _serve(options)
        except Interrupted as stop:
            tell(f"stopped by {stop.cause}", file=sys.stderr)
            raise


def _serve(options: argparse.Namespace) -> None:
    _check(options)
    # Pictures are measured with PyTorch, which takes a second to import; training needs the processor more.
    import torch

    from zero_dce.review.live import LiveSweep
    from zero_dce.review.server import open_server

    torch.set_num_threads(1)
    live = LiveSweep(options.sweep)
    stop = threading.Event()
    with open_server(live, options.host, options.port) as server:
        watching = threading.Thread(target=live.follow, args=(stop,), daemon=True)
        watching.start()
        tell(f"{server.address} shows {options.sweep}; Ctrl-C ends it", flush=True)
        if not live.folder.exists():
            tell(f"{options.sweep} does not exist yet: the page waits for it", flush=True)
        if not server.is_local:
            tell(f"--host {options.host}: anybody who reaches this machine over a network can see it", flush=True)
        if options.open:
            # A browser in the terminal takes until it is closed.
            threading.Thread(target=_open_browser, args=(server.address,), daemon=True).start()
        try:
            server.serve_forever()
        finally:
            stop.set()


def _open_browser(address: str) -> None:
    if not webbrowser.open(address):
        print("--open: there is no browser here; open the address yourself", flush=True)


def _check(options: argparse.Namespace) -> None:
    from zero_dce.records.sweep import sweep_folder

    if options.port is not None:
        check_number("--port", options.port, most=65535, whole=True)
    folder = options.sweep.resolve()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{options.sweep} is a file; expected the folder of a sweep, or of a single run")
    sweep = sweep_folder(folder)
    if sweep is not None:
        raise ValueError(f"{options.sweep} belongs to the sweep {sweep}: serve that, or its page shows only a part")
