"""The server of the page that follows a sweep: the page, its changes and its pictures, and nothing else of the disk."""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import re
import socket
import sys
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from zero_dce.files import finite
from zero_dce.review.live import LiveSweep
from zero_dce.review.report import build_live_page

# The first port that is tried where none is asked for, and how many after it.
DEFAULT_PORT = 8642
PORTS_TRIED = 20
# An idle connection of a browser holds a thread for so long.
SECONDS_IDLE = 30
THUMBNAIL = re.compile(r"thumbnails/(\d{1,9})/(\d{1,9})/(\w+)")
UNKNOWN_NAME = "open this page as localhost or by its numeric address, or tell the server its name with --host"
HEADERS = {
    # A page of another origin may neither show these pictures nor frame this page.
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# An address with a version in it always means the same picture.
CACHED, ASKED_EACH_TIME = "private, max-age=31536000, immutable", "no-store"


class PageServer(ThreadingHTTPServer):
    """Serves one sweep on one port.

    Args:
        live: the sweep.
        host: the name or address of this machine to listen on.
        port: 0 for any free one.

    Attributes:
        live: the sweep.
        is_local: whether only this machine reaches it.

    Raises:
        OSError: if it cannot listen there.
    """

    daemon_threads = True
    # On Windows this would let two programs share a port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, live: LiveSweep, host: str, port: int) -> None:
        self.live = live
        self.host = host
        self.address_family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._numeric = ipaddress.ip_address(address[0])
        self.is_local = self._numeric.is_loopback
        super().__init__((str(self._numeric), port), PageHandler)

    @property
    def address(self) -> str:
        """The page's address, as a browser on this machine opens it."""
        host = "127.0.0.1" if self._numeric.is_unspecified else str(self._numeric)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}/"

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, as the standard server does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.host, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away in the middle of an answer; show all other errors."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def knows(self, host: str | None) -> bool:
        """Return whether a request was meant for this server.

        A page of another site can have its own name lead to this machine's address, and so ask as if it came from
        here; its requests bear that name. Numeric addresses cannot be led elsewhere.

        Args:
            host: the request's header ``Host``. Its port may be another one's, as through a tunnel.
        """
        try:
            name = urlsplit(f"//{host or ''}").hostname or ""
        except ValueError:
            return False
        if name in ("localhost", self.host.lower()):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return not self.is_local and name == socket.gethostname().lower()
        return address.is_loopback or not self.is_local


class PageHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for what the page needs."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = SECONDS_IDLE

    def __getattr__(self, name: str) -> Any:
        """Refuse all other methods: the standard server looks for a ``do_METHOD``."""
        if name.startswith("do_"):
            return partial(self.send_error, HTTPStatus.METHOD_NOT_ALLOWED)
        raise AttributeError(name)

    def do_GET(self) -> None:
        """Answer a request; that of HEAD without its content."""
        if not self.server.knows(self.headers["Host"]):
            return self.send_error(HTTPStatus.MISDIRECTED_REQUEST, UNKNOWN_NAME)
        found = self._find()
        if found is None:
            return self.send_error(HTTPStatus.NOT_FOUND)
        content, kind, kept = found
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", kept)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
        return None

    do_HEAD = do_GET  # noqa: N815

    def _find(self) -> tuple[bytes, str, str] | None:
        """Return content, type and how long it may be kept of what is asked for; ``None`` where there is no such."""
        try:
            address = urlsplit(self.path)
        except ValueError:
            # Brackets that are no address of IPv6.
            return None
        path, live = unquote(address.path).removeprefix("/"), self.server.live
        if path == "":
            return build_live_page(live.folder, live.content()).encode(), "text/html; charset=utf-8", ASKED_EACH_TIME
        if path == "changes":
            return self._changes(address.query), "application/json", ASKED_EACH_TIME
        kept = CACHED if address.query else ASKED_EACH_TIME
        thumbnail = THUMBNAIL.fullmatch(path)
        if thumbnail:
            content = live.thumbnail(int(thumbnail[1]), int(thumbnail[2]), thumbnail[3])
            return (content, "image/webp", kept) if content else None
        try:
            file = live.picture(path)
            return (file.read_bytes(), "image/png", kept) if file else None
        except OSError:
            # It was there when the page was told of it.
            return None

    def _changes(self, query: str) -> bytes:
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        since = asked.get("since", "")
        changes = self.server.live.changes(asked.get("id", ""), int(since) if re.fullmatch(r"\d{1,18}", since) else 0)
        return json.dumps(finite(changes), ensure_ascii=False, separators=(",", ":")).encode()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with a status and a few words; what was asked for is not repeated."""
        content = f"{message or explain or HTTPStatus(code).phrase}\n".encode()
        self.send_response(code)
        if code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def end_headers(self) -> None:
        """Send what every answer has."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """Return what the server calls itself: no versions."""
        return "zero_dce"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a page asks every few seconds."""


def open_server(live: LiveSweep, host: str, port: int | None) -> PageServer:
    """Return a server of a sweep; without a port on the first free one from ``DEFAULT_PORT`` on.

    Raises:
        ValueError: if it cannot listen there; the message says what to do.
    """
    tried = range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED) if port is None else [port]
    for number in tried:
        try:
            return PageServer(live, host, number)
        except socket.gaierror as error:
            raise ValueError(f"--host {host} is no name or address of this machine ({error.strerror})") from error
        except OSError as error:
            # Windows says EACCES of a port that another program has for itself.
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise ValueError(
                    f"cannot listen on port {number} of --host {host} ({error.strerror or error}); expected an address "
                    "of this machine"
                ) from error
    if port is None:
        raise ValueError(f"the ports {tried[0]} to {tried[-1]} are all taken: give another with --port, or --port 0")
    raise ValueError(f"port {port} of {host} is taken, or not allowed: give another with --port, or leave --port out")
