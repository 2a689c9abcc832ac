"""The readers of what several processes share: a search's journal, and requests to the page's server."""

from __future__ import annotations

import functools
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from tests.endurance.reader import Reader, documented, require, scratch
from tests.endurance.record_folders import JSON_TOKENS, kept, sweep_template
from zero_dce.files import write_json


def check_study(content: bytes) -> None:
    """Open a search whose journal this is, and ask for a trial."""
    from zero_dce.sweep.search.study import JOURNAL, Study

    folder = kept("study", study_template())
    (folder / "optuna" / JOURNAL).write_bytes(content)
    with documented(JOURNAL, ValueError):
        Study(folder, search(), cast(Any, Worker())).ask(1)
    shutil.copy(study_template() / "sweep.json", folder)


class Worker:
    """The worker of a search that asks."""

    name = "a"

    def is_alive(self, name: str) -> bool:
        return name == self.name


def search() -> Any:
    from zero_dce.sweep.search.plan import Search
    from zero_dce.sweep.search.space import read_space

    space = read_space({"loss.weights.exp": "interval(1, 10)"}, [])
    return Search(space, {"val/a": "maximize"}, "sice", 5, "random", 0, "s", None, None)


@functools.cache
def study_template() -> Path:
    from zero_dce.sweep.search.study import Study

    folder = scratch() / "study-template"
    (folder / "optuna").mkdir(parents=True)
    kept_of_search = {**search().contents(), "study_name": "s", "storage": None}
    write_json(folder / "sweep.json", {"jobs": [], "swept": [], "objectives": {}, "search": kept_of_search})
    study = Study(folder, search(), cast(Any, Worker()))
    study.ask(1)
    return folder


def journals() -> Iterator[bytes]:
    yield (study_template() / "optuna" / "journal.log").read_bytes()


class Wire:
    """A connection that has sent all it will."""

    def __init__(self, content: bytes) -> None:
        self.content, self.answer = content, io.BytesIO()

    def makefile(self, *_: object, **__: object) -> io.BytesIO:
        return io.BytesIO(self.content)

    def sendall(self, content: bytes) -> None:
        self.answer.write(content)

    def settimeout(self, seconds: float) -> None:
        """It never waits."""


@functools.cache
def page_server() -> Any:
    from types import SimpleNamespace

    from zero_dce.review.live import LiveSweep
    from zero_dce.review.server import PageServer

    live = LiveSweep(sweep_template())
    live.look()
    live.look()
    (scratch() / "secret.png").write_bytes(b"secret")
    server = SimpleNamespace(live=live, host="127.0.0.1", is_local=True)
    server.knows = functools.partial(PageServer.knows, server)
    return server


def check_request(content: bytes) -> None:
    """Answer what came over a connection, as the page's server does."""
    from zero_dce.review.server import PageHandler

    wire = Wire(content)
    PageHandler(cast(Any, wire), ("127.0.0.1", 1), page_server())
    answer = wire.answer.getvalue()
    require(b"secret" not in answer, "another file of the disk")


def requests() -> Iterator[bytes]:
    for path in ("/", "/changes?id=a&since=1", "/thumbnails/0/10/00", "/0/samples/step-000010/00_output.png?v=1"):
        yield f"GET {path} HTTP/1.1\r\nHost: localhost:8642\r\n\r\n".encode()
    yield b"HEAD /../secret.png HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\nGET //%2e%2e/x HTTP/1.1\r\nHost: [::1]:1\r\n\r\n"


REQUEST_TOKENS = (
    *(b"%00", b"%2e%2e/", b"\xff", b"Host: evil\r\n", b"//[", b"HTTP/0.9", b"Content-Length: 9\r\n", b"HEAD "),
    *(b"POST ", b"Expect: 100-continue\r\n", b"since=", b"thumbnails/"),
)
READERS = (
    Reader("study-journal", check_study, journals, ("zero_dce.sweep.search",), JSON_TOKENS),
    Reader("request", check_request, requests, ("zero_dce.review",), REQUEST_TOKENS),
)
