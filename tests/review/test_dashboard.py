"""The W&B workspace of a sweep, as a small server on loopback gets it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.processes import Command, run_module
from tests.helpers.wandb_server import KEY, Run, Server, serve

pytestmark = pytest.mark.slow

LOSSES = ["spa", "exp", "col", "tv"]


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


def environment(home: Path, address: str, key: str = KEY) -> dict[str, str]:
    known = {"HOME": str(home), "WANDB_BASE_URL": address, "WANDB_API_KEY": key}
    return {**os.environ, "PYTHONPATH": str(ROOT)} | known


def dashboard(home: Path, address: str, *arguments: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
    return run_module("zero_dce.review", ["dashboard", *arguments], home, environment(home, address, key))


def sync(sweep: Path, address: str) -> None:
    folders = [str(folder) for folder in (sweep / "wandb").glob("offline-run-*")]
    command = [sys.executable, "-m", "wandb", "sync", *folders]
    subprocess.run(command, env=environment(sweep, address), check=True, timeout=100, capture_output=True)


def test_a_sweeps_workspace(server: Server, sweep: Path) -> None:
    """Of a sweep that was sent; another run of the project is not in it."""
    sync(sweep, server.address)
    server.runs["other"] = Run("other", group="another", lines={0: {"samples/09": {}, "val/strange": 1}})
    done = dashboard(sweep, server.address, "--project", "zero_dce", "--sweep", "grid/today")
    assert done.returncode == 0, done.stderr
    (view,) = server.views
    name = view["name"].removeprefix("nw-").removesuffix("-v")
    assert done.stdout == f"{server.address}/someone/zero_dce?nw={name}\n"
    assert done.stderr == ""
    assert (view["entityName"], view["projectName"], view["type"]) == ("someone", "zero_dce", "project-view")
    assert view["displayName"] == "grid/today: pictures per step, by loss weights"
    section = json.loads(view["spec"])["section"]
    pictures, *plots = section["panelBankConfig"]["sections"]
    assert_grids(pictures)
    assert_plots(plots)
    assert_runs(section, server)


def assert_grids(pictures: dict[str, Any]) -> None:
    """A grid a sample picture, the step on x and the run on y."""
    assert [panel["viewType"] for panel in pictures["panels"]] == ["Media Browser"] * 2
    for number, panel in enumerate(pictures["panels"]):
        key = f"samples/{number:02d}"
        grid = {"xAxis": "step", "yAxis": "run"}
        assert panel["config"] == {"chartTitle": key, "mediaKeys": [key], "mode": "grid", "gridSettings": grid}
    assert pictures["isOpen"]
    assert (pictures["flowConfig"]["columnsPerPage"], pictures["flowConfig"]["rowsPerPage"]) == (1, 2)


def assert_plots(plots: list[dict[str, Any]]) -> None:
    """Losses, shares and measures, each key in a plot of its own over the step, none behind a page."""
    shown = []
    for part in plots:
        for panel in part["panels"]:
            assert panel["viewType"] == "Run History Line Plot"
            assert panel["config"]["xAxis"] == "_step"
        shown.append([key for panel in part["panels"] for key in panel["config"]["metrics"]])
        flow = part["flowConfig"]
        assert len(part["panels"]) <= flow["columnsPerPage"] * flow["rowsPerPage"]
    losses, shares, measures = shown
    assert losses == ["train/total", *(f"train/{name}" for name in LOSSES)]
    assert shares == [f"train/share/{name}" for name in LOSSES]
    pictures = {f"{name}_{side}" for name in ("brightness", "clipped") for side in ("in", "out")} | {"saturation_ratio"}
    pictures |= {"loe", "entropy_in", "entropy_out", "noise_in", "noise_out", "brightened_bright", "brightened_by"}
    gains = {"psnr", "psnr_input", "psnr_gain", "psnr_gain_se", "psnr_improved", "ssim", "mae", "delta_e"}
    assert {*measures} == {f"val/{name}" for name in {"total", *LOSSES} | pictures | gains}
    assert len(measures) == len({*measures})


def assert_runs(section: dict[str, Any], server: Server) -> None:
    """Only the sweep's, by weights, which lie where the server has them."""
    (runs,) = section["runSets"]
    weights = [f"loss.value.weights.{name}" for name in LOSSES]
    assert runs["sort"]["keys"] == [{"key": {"section": "config", "name": key}, "ascending": True} for key in weights]
    assert runs["runFeed"]["columnOrder"] == ["run:displayName", *(f"config:{key}" for key in weights)]
    (only,) = runs["filters"]["filters"]
    assert (only["key"], only["op"], only["value"]) == ({"section": "run", "name": "group"}, "=", "grid/today")
    config = {key: {"value": value} for key, value in server.runs[next(iter(server.runs))].config.items()}
    found = [functools.reduce(lambda place, part: place[part], key.split("."), config) for key in weights]
    assert found in ([1.0, 3, 5.0, 200], [1.0, 10, 5.0, 200])
    assert section["settings"]["maxRuns"] >= 10


def test_a_projects_workspace(server: Server, tmp_path: Path) -> None:
    """All runs, also more than W&B usually shows, under a name and an entity of one's own."""
    for number in range(14):
        row = {"samples/00": {}, "val/exp": 1.0}
        server.runs[str(number)] = Run(str(number), group=f"sweep{number}", lines={0: row})
    done = dashboard(tmp_path, server.address, "--project", "zero_dce", "--entity", "lab", "--name", "ours")
    assert done.returncode == 0, done.stderr
    (view,) = server.views
    assert (view["entityName"], view["displayName"]) == ("lab", "ours")
    section = json.loads(view["spec"])["section"]
    assert section["settings"]["maxRuns"] == 14
    assert section["runSets"][0]["filters"]["filters"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--project", "zero_dce", "--sweep", "gone"], "someone/zero_dce, sweep gone has 0 runs in W&B"),
        (["--project", "zero_dce"], "someone/zero_dce has 1 runs in W&B, none with sample pictures"),
        (["--project", "none"], "W&B did not list the runs of someone/none: Could not find project none. See the"),
    ],
)
def test_nothing_to_show(arguments: list[str], message: str, server: Server, tmp_path: Path) -> None:
    server.runs["a"] = Run("a", group="b", lines={0: {"val/exp": 1.0}})
    done = dashboard(tmp_path, server.address, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not server.views


def test_a_project_that_others_may_only_read(server: Server, tmp_path: Path) -> None:
    server.read_only = True
    server.runs["a"] = Run("a", lines={0: {"samples/00": {}}})
    done = dashboard(tmp_path, server.address, "--project", "zero_dce")
    assert done.returncode == 1
    assert done.stderr.startswith("W&B did not save the workspace: ")
    assert "permission denied" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("key", "message"), [(KEY, "cannot be reached"), ("", "has no API key")])
def test_without_a_server_it_says_so(key: str, message: str, tmp_path: Path) -> None:
    done = dashboard(tmp_path, "http://127.0.0.1:9", "--project", "zero_dce", key=key)
    assert done.returncode == 1
    assert done.stderr.startswith("W&B ")
    assert message in done.stderr


def hide_the_package() -> None:
    """In a process of its own: as where the package is not installed."""
    for name in [name for name in sys.modules if name.startswith(("wandb_workspaces", "zero_dce.review"))]:
        del sys.modules[name]
    sys.modules["wandb_workspaces"] = None  # type: ignore[assignment]


def test_without_the_package_it_says_what_to_install(server: Server, tmp_path: Path) -> None:
    arguments = ["dashboard", "--project", "zero_dce"]
    command = Command("zero_dce.review", arguments, tmp_path, environment(tmp_path, server.address), hide_the_package)
    assert command.wait() == 1
    assert "pip install 'zero-dce-lightning[dashboard]'" in command.errors()
    assert "Traceback" not in command.errors()
