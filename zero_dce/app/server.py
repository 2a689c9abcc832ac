"""The server of the page: where it listens, where uploads lie, and how it ends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any

from zero_dce.app.answers import Answers
from zero_dce.app.darkroom import Darkroom
from zero_dce.terminal import pip_install, tell

LOOPBACK_NAMES = ("127.0.0.1", "localhost")
THIS_MACHINE, EVERY_NETWORK = "127.0.0.1", "0.0.0.0"
SPACE_PORT, MOST_PORT = 7860, 65535
# Gradio, and the library of the hub that comes with it, report what they are used for unless they are told not to.
SILENT = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}


def default_address(environment: Mapping[str, str]) -> tuple[str, int | None]:
    """Return where to listen if nobody says so: on loopback only, and in a Hugging Face Space where that looks for it.

    Args:
        environment: ``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT`` are used, and ``SPACE_ID``, which a Space has.

    Returns:
        Host and port; ``None`` is the first free port from 7860.

    Raises:
        ValueError: if the port is no number.
    """
    on_space = "SPACE_ID" in environment
    host = environment.get("GRADIO_SERVER_NAME") or (EVERY_NETWORK if on_space else THIS_MACHINE)
    port = environment.get("GRADIO_SERVER_PORT") or (str(SPACE_PORT) if on_space else "")
    if port and not (port.isdecimal() and int(port) <= MOST_PORT):
        raise ValueError(f"GRADIO_SERVER_PORT is {port!r}; expected the number of a port, or nothing")
    return host, int(port) if port else None


def require_gradio() -> None:
    """Raise ModuleNotFoundError, which says how to install it, unless Gradio is there."""
    if find_spec("gradio") is None:
        raise ModuleNotFoundError(f"the page needs gradio: {pip_install('app')}")


def _only_for(host: str) -> dict[str, Any]:
    """Return FastAPI's options by which a page on loopback answers requests to this machine's own names alone.

    A page of another site can have its own name lead to this machine's address; its requests bear that name.
    """
    if host not in LOOPBACK_NAMES:
        return {}
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    return {"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK_NAMES])]}


def serve(weights: Mapping[str, Path], host: str, port: int | None, max_megapixels: float) -> None:
    """Serve the page until a signal ends it; uploads and results are removed then.

    Args:
        weights: the files by the names that the picker offers; the first is read at once.
        host: the address to listen on.
        port: ``None`` is the first free one from 7860.
        max_megapixels: larger photographs are refused.

    Raises:
        ModuleNotFoundError: if Gradio is not installed.
        OSError: if the weights cannot be read, or the port is taken.
        ValueError: if the weights are wrong, or the host is an address of IPv6.
    """
    require_gradio()
    if ":" in host:
        # Gradio takes what follows a colon for a port, and lets pages of other sites read from such an address.
        raise ValueError(f"--host {host} is an address of IPv6; expected one of IPv4 or a name, as {THIS_MACHINE}")
    darkroom = Darkroom(max_megapixels)
    darkroom.prepare(next(iter(weights.values())))
    with tempfile.TemporaryDirectory(prefix="zero_dce-app-") as place:
        uploads, results = Path(place) / "uploads", Path(place) / "results"
        results.mkdir()
        # Gradio reads these as it is imported.
        os.environ.update(SILENT, GRADIO_TEMP_DIR=str(uploads))
        from zero_dce.app.page import RELEASE_BY_KEY, STYLE, THEME, make_page

        page = make_page(Answers(darkroom, weights, results), list(weights))
        try:
            _, url, _ = page.launch(
                server_name=host, server_port=port, share=False, ssr_mode=False, pwa=False, quiet=True, show_error=True,
                prevent_thread_lock=True, footer_links=[], theme=THEME, css_paths=STYLE, head=RELEASE_BY_KEY,
                app_kwargs=_only_for(host),
            )  # fmt: skip
        except OSError as error:
            wanted = f"port {port}" if port else "any port from 7860"
            raise OSError(
                f"cannot listen on {wanted} of {host}: it is taken, or no address of this machine; choose "
                "another --port or --host"
            ) from error
        tell(f"{url}  (Ctrl-C ends it)", flush=True)
        if host not in LOOPBACK_NAMES:
            tell(f"anybody on the network can use the page: --host {THIS_MACHINE} keeps it to yourself", flush=True)
        try:
            Event().wait()
        finally:
            page.close(verbose=False)
