"""The command: what it prints, how it ends, and which mistakes it tells."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.sweeps import SweepMaker, make_pictures
from zero_dce.review.__main__ import main

SECONDS_TO_FOLLOW = 60.0
Started = subprocess.Popen[str]
Start = Callable[..., Started]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command in a process of its own."""
    started: list[Started] = []

    def start_(*arguments: object) -> Started:
        process = subprocess.Popen(
            [sys.executable, "-m", "zero_dce.review", "serve", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": "/bin/false"},
            # A shell's background job ignores it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        started.append(process)
        return process

    yield start_
    for process in started:
        process.kill()
        process.communicate()


def printed_line(process: Started) -> str:
    assert process.stdout
    return process.stdout.readline()


def address_of(line: str) -> str:
    found = re.match(r"http://\S+/", line)
    assert found, line
    return found[0]


def wait_for(address: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    until = time.monotonic() + SECONDS_TO_FOLLOW
    while True:
        with urlopen(f"{address}changes", timeout=10) as answer:
            content: dict[str, Any] = json.load(answer)
        if holds(content):
            return content
        assert time.monotonic() < until, content["live"]
        time.sleep(0.1)


@pytest.mark.slow
def test_it_follows_a_sweep_until_ctrl_c(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    process = start(folder, "--port", 0)
    line = printed_line(process)
    address = address_of(line)
    assert line == f"{address} shows {folder}; Ctrl-C ends it\n"
    assert address.startswith("http://127.0.0.1:")
    assert printed_line(process) == f"{folder} does not exist yet: the page waits for it\n"
    wait_for(address, lambda content: "does not exist" in content["live"]["waiting"])
    maker = SweepMaker(folder, [{"exp": 3}], make_pictures(1))
    maker.run(0, [0, 10])
    content = wait_for(address, lambda content: content["live"]["ended"] and "size" in str(content["runs"]))
    assert content["runs"][0]["steps"] == [0, 10]
    process.send_signal(signal.SIGINT)
    rest, told = process.communicate(timeout=30)
    assert (process.returncode, rest, told) == (130, "", "stopped by Ctrl-C\n")


@pytest.mark.slow
def test_what_is_said_besides(start: Start, tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path / "sweep", [{"exp": 3}])
    process = start(maker.folder, "--host", "0.0.0.0", "--port", 0, "--open")
    address_of(printed_line(process))
    assert printed_line(process) == "--host 0.0.0.0: anybody who reaches this machine over a network can see it\n"
    assert printed_line(process) == "--open: there is no browser here; open the address yourself\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30) == ("", "stopped by SIGTERM\n")
    assert process.returncode == 143


def told(*arguments: object) -> str:
    with pytest.raises(SystemExit) as stop:
        main(["serve", *map(str, arguments)])
    assert isinstance(stop.value.code, str), "a message, and so the exit code 1"
    assert "\n" not in stop.value.code
    return stop.value.code


def test_mistakes(tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path / "sweep", [{"exp": 3}])
    maker.run(0, [0])
    file = maker.folder / "sweep.json"
    assert told(file) == f"{file} is a file; expected the folder of a sweep, or of a single run"
    assert (
        told(maker.folder, "--port", 65536)
        == "--port is 65536; expected a whole number of at least 0 and at most 65535"
    )
    for run in ("0", "7"):
        assert f"{run} belongs to the sweep {maker.folder}: serve that" in told(maker.folder / run)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = f"port {port} of 127.0.0.1 is taken, or not allowed: give another with --port, or leave --port out"
        assert told(maker.folder, "--port", port) == message
    assert "--host no such name is no name or address" in told(maker.folder, "--host", "no such name")
