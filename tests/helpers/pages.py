"""A server of the review page inside the test's own process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from zero_dce.review.live import LiveSweep
from zero_dce.review.server import PageServer, open_server


@contextmanager
def serving(live: LiveSweep, host: str = "127.0.0.1", port: int = 0) -> Iterator[PageServer]:
    """Serve a sweep; the test itself calls ``live.look()``. At its end no connection is left, as of a process."""
    connections: list[socket.socket] = []
    with open_server(live, host, port) as server:
        accept = server.get_request

        def remember() -> tuple[socket.socket, Any]:
            connection, address = accept()
            connections.append(connection)
            return connection, address

        server.get_request = remember  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            for connection in connections:
                # It may be closed already.
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
