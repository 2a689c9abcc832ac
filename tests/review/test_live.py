from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.sweeps import SweepMaker, make_pictures, make_search
from zero_dce.files import read_json, write_json
from zero_dce.review import live as module
from zero_dce.review.collect import collect
from zero_dce.review.live import LiveSweep


@pytest.fixture
def maker(tmp_path: Path) -> SweepMaker:
    maker = SweepMaker(tmp_path / "sweep", [{"exp": 3}, {"exp": 10}, {"exp": 30}], make_pictures(2))
    maker.run(0, [0, 10])
    maker.run(1, [0], state=None)
    return maker


class Asking:
    """What a page knows: it keeps what it was told, and asks for what is new."""

    def __init__(self, live: LiveSweep) -> None:
        self.live = live
        self.content = live.content()

    def new_runs(self) -> list[int]:
        changes = self.live.changes(self.content["id"], self.content["version"])
        self.of_all_changed = "folder" in changes
        self.content |= changes
        return [run["run"] for run in changes["runs"]]


def test_only_what_changed_is_told(maker: SweepMaker) -> None:
    live = LiveSweep(maker.folder)
    live.look()
    asking = Asking(live)
    assert [run["run"] for run in asking.content["runs"]] == [0, 1, 2]
    assert asking.content["steps"] == [0, 10]
    live.look()
    assert (asking.new_runs(), asking.of_all_changed) == ([], False)
    maker.run(1, [0, 20], state=None)
    live.look()
    assert (asking.new_runs(), asking.of_all_changed) == ([1], True)
    assert asking.content["steps"] == [0, 10, 20]
    maker.run(1, [0, 20], state="failed", error="ValueError: no")
    live.look()
    assert asking.new_runs() == [1]
    assert asking.content["runs"][0]["error"] == "ValueError: no"


def test_a_page_of_another_server_is_told_all(maker: SweepMaker) -> None:
    live = LiveSweep(maker.folder)
    live.look()
    assert live.changes("another", 10**6)["runs"] == live.content()["runs"]
    assert live.changes(live.id, 10**6)["runs"] == []


def test_it_tells_what_the_file_tells(maker: SweepMaker) -> None:
    """The served page and report.html hold the same runs."""
    live = LiveSweep(maker.folder)
    live.look()
    runs = live.content()["runs"]
    assert [run["state"] for run in runs] == [run.row["state"] for run in collect(maker.folder).runs]
    assert runs[0]["cells"][10]["01"]["name"] == "scene/1.JPG"
    assert runs[0]["training"]["steps"][-1] == 10


def test_a_folder_that_comes_later(tmp_path: Path) -> None:
    live = LiveSweep(tmp_path / "later")
    assert live.content()["live"]["waiting"] == "The folder is being read."
    live.look()
    assert "later does not exist" in live.content()["live"]["waiting"]
    (tmp_path / "later").mkdir()
    live.look()
    assert "holds neither sweep.json nor .hydra" in live.content()["live"]["waiting"]
    SweepMaker(tmp_path / "later", [{"exp": 3}])
    live.look()
    content = live.content()
    assert content["live"] == {"waiting": "", "trouble": "", "ended": False, "numbers": [0]}
    assert content["runs"][0]["state"] == "not started"


def test_a_folder_that_is_away_for_a_while(maker: SweepMaker, tmp_path: Path) -> None:
    live = LiveSweep(maker.folder)
    live.look()
    away = maker.folder.rename(tmp_path / "away")
    live.look()
    content = live.content()
    assert len(content["runs"]) == 3
    assert f"{maker.folder} does not exist" in content["live"]["trouble"]
    away.rename(maker.folder)
    live.look()
    assert live.content()["live"]["trouble"] == ""


def test_when_all_have_ended(maker: SweepMaker) -> None:
    live = LiveSweep(maker.folder)
    for number, state in ((1, "failed"), (2, "interrupted")):
        live.look()
        assert not live.content()["live"]["ended"]
        maker.run(number, [0], state=state)
    live.look()
    assert live.content()["live"]["ended"]


def test_a_runs_own_trouble_leaves_the_others_alone(maker: SweepMaker) -> None:
    live = LiveSweep(maker.folder)
    live.look()
    (maker.folder / "0" / "metrics.csv").write_text("nonsense\n")
    maker.run(1, [0, 10], state=None)
    live.look()
    content = live.content()
    assert "metrics.csv is not the table of a run" in content["live"]["trouble"]
    assert [run["step"] for run in content["runs"]] == [10, 10, None]


def test_the_front_is_that_of_the_file(tmp_path: Path) -> None:
    folder = make_search(tmp_path / "search")
    live = LiveSweep(folder)
    live.look()
    assert [run["pareto"] for run in live.content()["runs"]] == [run.pareto for run in collect(folder).runs]
    asking = Asking(live)
    result = read_json(folder / "9" / "result.json")
    result["measures"] |= {"val/entropy_out": 9.0, "val/loe": 1.0}
    write_json(folder / "9" / "result.json", result)
    live.look()
    assert asking.new_runs() == [0, 1, 2, 3, 9], "a run that is the best pushes others off the front"


def test_pictures_by_their_paths(maker: SweepMaker, tmp_path: Path) -> None:
    live = LiveSweep(maker.folder)
    live.look()
    path = "0/samples/step-000010/01_curves.png"
    assert live.picture(path) == maker.folder / path
    assert (live.thumbnail(0, 10, "01") or b"")[8:12] == b"WEBP"
    for other in ("sweep.json", "0/result.json", "0/checkpoints/step-000010.ckpt", "9/samples", "", "0/../sweep.json"):
        assert live.picture(other) is None
    assert live.thumbnail(0, 10, "07") is None
    assert live.thumbnail(7, 10, "00") is None


def test_a_single_run(maker: SweepMaker, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    run = (maker.folder / "0").rename(tmp_path / "alone" / "run")
    live = LiveSweep(run)
    live.look()
    (only,) = live.content()["runs"]
    assert (only["folder"], only["named"]) == (".", [])
    assert live.picture("samples/step-000010/00_output.png") == run / "samples" / "step-000010" / "00_output.png"


def test_following_survives_any_error(maker: SweepMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_SECONDS", 0.01)
    live, stop = LiveSweep(maker.folder), threading.Event()
    looks: list[str] = []
    seen: list[dict[str, Any]] = []
    look = live.look

    def fail_once() -> None:
        looks.append("")
        if len(looks) == 2:
            raise RuntimeError("no look")
        if len(looks) == 3:
            seen.append(live.content()["live"])
            stop.set()
        look()

    monkeypatch.setattr(live, "look", fail_once)
    live.follow(stop)
    assert seen[0]["trouble"] == "RuntimeError: no look"
    assert live.content()["live"]["trouble"] == ""
