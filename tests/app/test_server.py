from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.helpers.app_server import AppServer, free_port
from tests.helpers.paths import ROOT
from zero_dce.app import server
from zero_dce.app.checkpoints import list_weights
from zero_dce.app.server import default_address, serve


def test_on_loopback_unless_it_is_a_space() -> None:
    assert default_address({}) == ("127.0.0.1", None)
    assert default_address({"SPACE_ID": "someone/zero-dce"}) == ("0.0.0.0", 7860)
    named = {"SPACE_ID": "someone/zero-dce", "GRADIO_SERVER_NAME": "10.0.0.1", "GRADIO_SERVER_PORT": "80"}
    assert default_address(named) == ("10.0.0.1", 80)
    with pytest.raises(ValueError, match="GRADIO_SERVER_PORT is 'web'"):
        default_address({"GRADIO_SERVER_PORT": "web"})


def test_without_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=re.escape("pip install 'zero-dce-lightning[app]'")):
        serve(list_weights([]), "127.0.0.1", None, 1)


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_no_address_of_ipv6(host: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"--host {host} is an address of IPv6; expected one of IPv4")):
        serve(list_weights([]), host, None, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "host"), [(signal.SIGINT, "127.0.0.1"), (signal.SIGTERM, "0.0.0.0")], ids=["ctrl-c", "sigterm"]
)
def test_a_signal_ends_it_and_nothing_stays(tmp_path: Path, number: signal.Signals, host: str) -> None:
    port = free_port()
    started = AppServer(tmp_path, ["-m", "zero_dce.app", "--port", str(port), "--host", host])
    for name, refused in (("localhost:1", False), ("127.0.0.1", False), ("elsewhere.example", host == "127.0.0.1")):
        # A page of another site can have its own name lead here.
        answer = requests.get(started.url, headers={"Host": name, "Origin": "https://elsewhere.example"}, timeout=30)
        assert (answer.status_code == 400) == refused, name
        if host == "127.0.0.1" and not refused:
            assert "Access-Control-Allow-Origin" not in answer.headers
    # A reverse proxy says by which name the page was asked for: its scripts then look for the server there.
    proxied = {"Host": "localhost", "X-Forwarded-Host": "photos.example", "X-Forwarded-Proto": "https"}
    config = requests.get(f"{started.url.rstrip('/')}/config", headers=proxied, timeout=30).json()
    assert config["root"] == "https://photos.example"
    assert ("anybody on the network can use the page" in started.output()) == (host == "0.0.0.0")
    assert len(list(started.temporary.glob("zero_dce-app-*"))) == 1
    assert started.stop(number) == 128 + number
    assert list(started.temporary.glob("zero_dce-app-*")) == []
    assert "Traceback" not in started.errors()
    assert started.spoken_to() == set()


@pytest.mark.slow
def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "zero_dce.app", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"cannot listen on port {port} of 127.0.0.1: it is taken")
    assert "\n" not in done.stderr.strip()
