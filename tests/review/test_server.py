"""What the page's server answers, and what it refuses."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.helpers.pages import serving
from tests.helpers.sweeps import SweepMaker, make_pictures
from tests.review.test_report import NASTY, Elements
from zero_dce.review import server as module
from zero_dce.review.live import LiveSweep
from zero_dce.review.server import UNKNOWN_NAME, PageServer, open_server

PICTURE = "/0/samples/step-000010/00_output.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    maker = SweepMaker(tmp_path / "sweep", [{"exp": 3}], make_pictures(1))
    maker.run(0, [0, 10])
    (tmp_path / "secret.txt").write_text("secret")
    return maker.folder


@pytest.fixture
def server(folder: Path) -> Iterator[PageServer]:
    live = LiveSweep(folder)
    live.look()
    with serving(live) as server:
        yield server


def ask(server: PageServer, path: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    """Ask for a path just as it is written."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def test_the_page(server: PageServer, folder: Path) -> None:
    response, content = ask(server, "/")
    assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    elements = Elements(content.decode())
    data = json.loads(elements.texts["data"])
    assert (data["folder"], data["root"], data["steps"]) == (str(folder), "", [0, 10])
    policies = [attributes["content"] or "" for tag, attributes in elements.tags if attributes.get("http-equiv")]
    assert "default-src 'none'" in policies[0]
    assert policies[0].endswith("; connect-src 'self'")


def test_changes(server: PageServer) -> None:
    data = json.loads(ask(server, "/changes")[1])
    assert len(data["runs"]) == 1
    later = json.loads(ask(server, f"/changes?id={data['id']}&since={data['version']}")[1])
    assert later == {"id": data["id"], "version": data["version"], "runs": []}
    for nonsense in ("since=-1", "since=x&id=%00", "id=&since=" + "9" * 40):
        assert len(json.loads(ask(server, f"/changes?{nonsense}")[1])["runs"]) == 1


def test_pictures(server: PageServer, folder: Path) -> None:
    response, content = ask(server, PICTURE)
    assert (response.status, response.headers["Content-Type"]) == (200, "image/png")
    assert content == (folder / PICTURE[1:]).read_bytes()
    assert response.headers["Cache-Control"] == "no-store"
    response, content = ask(server, "/thumbnails/0/10/00?18ff")
    assert (response.status, response.headers["Content-Type"], content[:4]) == (200, "image/webp", b"RIFF")
    assert "immutable" in response.headers["Cache-Control"], "the address says which version it is"


def test_head_has_no_content(server: PageServer) -> None:
    for path in ("/", "/changes", PICTURE):
        response, content = ask(server, path, "HEAD")
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 0
        assert content == b""
    response, content = ask(server, "/nothing", "HEAD")
    assert (response.status, content) == (404, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"])
def test_other_methods_are_refused(server: PageServer, method: str) -> None:
    response, _ = ask(server, "/", method)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/0/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/0/samples/..%2f..%2f..%2fsecret.txt",
        "/0/samples/step-000010/..\\..\\secret.txt",
        "//etc/passwd",
        "/etc/passwd",
        "/%00",
        "/sweep.json",
        "/0/metrics.csv",
        "/0/.hydra/config.yaml",
        "/0/checkpoints/step-000010.ckpt",
        "/0",
        "/0/",
        "/0/samples/",
        "/0/samples/step-000010/",
        "/report.html",
        "/thumbnails/0/10/../00",
        "/thumbnails/0/10/07",
        "/thumbnails/99999999999999999999/0/00",
        "http://localhost/0/metrics.csv",
    ],
)
def test_nothing_else_of_the_disk_is_reached(server: PageServer, folder: Path, path: str) -> None:
    (folder / "report.html").write_text("an earlier page")
    response, content = ask(server, path)
    assert response.status == 404
    assert content == b"Not Found\n"


def test_links_that_lead_out_are_refused(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    make_pictures(1)[0].save(secret)
    file = folder / PICTURE[1:]
    file.unlink()
    file.symlink_to(secret)
    live = LiveSweep(folder)
    live.look()
    with serving(live) as server:
        assert ask(server, PICTURE)[0].status == 404
        assert ask(server, "/thumbnails/0/10/00")[0].status == 404


def test_a_picture_that_has_gone(server: PageServer, folder: Path) -> None:
    (folder / PICTURE[1:]).unlink()
    assert ask(server, PICTURE)[0].status == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:9999", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8642", 200),
        ("elsewhere.example", 421),
        ("localhost.elsewhere.example", 421),
        ("127.0.0.1.elsewhere.example:8642", 421),
        ("192.168.1.2", 421),
        ("", 421),
        ("[nonsense", 421),
        ("localhost@elsewhere.example", 421),
    ],
)
def test_whom_a_request_is_meant_for(server: PageServer, host: str, status: int) -> None:
    for path in ("/", "/changes", PICTURE):
        assert ask(server, path, Host=host)[0].status == status


def test_names_of_a_server_that_others_reach(folder: Path) -> None:
    with open_server(LiveSweep(folder), "0.0.0.0", 0) as server:
        assert not server.is_local
        assert server.address == f"http://127.0.0.1:{server.server_port}/"
        for host in ("192.168.1.2:8642", "localhost", f"{socket.gethostname()}:1"):
            assert server.knows(host)
        assert not server.knows("elsewhere.example")
        assert not server.knows(None)


def test_no_page_of_another_site_may_use_it(server: PageServer) -> None:
    response, _ = ask(server, PICTURE, Origin="https://elsewhere.example")
    assert response.headers["Access-Control-Allow-Origin"] is None
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Server"] == "zero_dce"


def test_what_is_no_request_is_refused(server: PageServer, capfd: pytest.CaptureFixture[str]) -> None:
    for sent, answer in (
        (b"nonsense\r\n\r\n", b"Bad request syntax"),
        (b"GET / HTTP/7.0\r\n\r\n", b"Invalid HTTP version"),
        (b"GET /\r\n\r\n", UNKNOWN_NAME.encode()),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", b"HTTP/1.1 404"),
    ):
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
            connection.sendall(sent)
            with connection.makefile("rb") as stream:
                assert stream.read().startswith(answer)
    # One that goes away before it has its answer.
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
    assert ask(server, "/")[0].status == 200
    assert capfd.readouterr().err == ""


def test_names_from_files_are_text(tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path / NASTY.replace("/", "%"), [{"exp": 3}], make_pictures(1), NASTY)
    maker.run(0, [0], state="failed", error=NASTY)
    live = LiveSweep(maker.folder)
    live.look()
    with serving(live) as server:
        content = ask(server, "/")[1].decode()
    assert "<script>alert" not in content
    assert json.loads(Elements(content).texts["data"])["runs"][0]["error"] == NASTY


def test_a_folder_of_runs_with_any_name(tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path, [{"exp": 3}], make_pictures(1))
    run = maker.run(0, [0])
    run.rename(tmp_path / "exp=3 ü#?%")
    plan = json.loads((tmp_path / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps({**plan, "folders": {"0": "exp=3 ü#?%"}}))
    live = LiveSweep(tmp_path)
    live.look()
    with serving(live) as server:
        folder = live.content()["runs"][0]["folder"]
        assert ask(server, f"/{folder}/samples/step-000000/00_output.png?1")[0].status == 200


def test_ports(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveSweep(folder)
    with open_server(live, "127.0.0.1", 0) as first:
        taken = first.server_port
        monkeypatch.setattr(module, "DEFAULT_PORT", taken)
        with open_server(live, "127.0.0.1", None) as second:
            assert second.server_port > taken
        monkeypatch.setattr(module, "PORTS_TRIED", 1)
        with pytest.raises(ValueError, match=rf"the ports {taken} to {taken} are all taken: give another with --port"):
            open_server(live, "127.0.0.1", None)
        with pytest.raises(ValueError, match=rf"port {taken} of 127\.0\.0\.1 is taken, .*: give another with --port"):
            open_server(live, "127.0.0.1", taken)


def test_hosts(folder: Path) -> None:
    live = LiveSweep(folder)
    with pytest.raises(ValueError, match="--host no such name is no name or address of this machine"):
        open_server(live, "no such name", 0)
    with pytest.raises(
        ValueError, match=r"cannot listen on port 0 of --host 192\.0\.2\.1 .*; expected an address of this"
    ):
        open_server(live, "192.0.2.1", 0)
