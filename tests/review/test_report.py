from __future__ import annotations

import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.sweeps import SweepMaker, make_pictures
from zero_dce.review import __main__ as command_line
from zero_dce.review import report
from zero_dce.review.report import to_json, write_report
from zero_dce.sweep import end as sweep_end

NASTY = "</script><script>alert(1)</script>\"'&<!--"
# The same as a value of an override.
HYDRA_NASTY = "'" + NASTY.replace("'", "\\'") + "'"


class Elements(HTMLParser):
    """The page's elements: attributes of each, and the text of those with an id."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self._inside = dict(attributes).get("id")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._inside = None


def read_page(file: Path) -> tuple[Elements, dict[str, Any]]:
    elements = Elements(file.read_text(encoding="utf-8"))
    return elements, json.loads(elements.texts["data"])


@pytest.fixture
def maker(tmp_path: Path) -> SweepMaker:
    return SweepMaker(tmp_path / "my sweep", [{"exp": 3}, {"exp": 10}, {"exp": 30}], make_pictures(3))


def test_what_the_page_holds(maker: SweepMaker) -> None:
    maker.run(0, [0, 10, 20])
    maker.run(1, [0, 15], state="failed", error="ValueError: no")
    elements, data = read_page(write_report(maker.folder))
    assert data["steps"] == [0, 10, 15, 20]
    assert [run["state"] for run in data["runs"]] == ["finished", "failed", "not started"]
    assert data["runs"][1]["error"] == "ValueError: no"
    cell = data["runs"][0]["cells"]["20"]["02"]
    assert cell["size"] == [48, 32]
    assert cell["name"] == "scene/2.JPG"
    assert set(cell["sides"]) == {"input", "output", "curves"}
    assert data["runs"][0]["training"]["steps"][-1] == 20
    assert len(data["runs"][0]["training"]["values"]["tv"]) == len(data["runs"][0]["training"]["steps"])
    assert data["runs"][0]["validation"]["values"]["psnr_gain"] == [1.0, 1.0]
    for number in ("00", "01", "02"):
        thumbnails = json.loads(elements.texts[f"thumbnails-{number}"])
        assert sorted(thumbnails) == ["0/0", "0/10", "0/20", "1/0", "1/15"]


def test_the_commands_are_quoted_for_the_shell(maker: SweepMaker) -> None:
    maker.run(0, [0, 10])
    _, data = read_page(write_report(maker.folder))
    words = shlex.split(data["pick"] + " --run 0 --step 10")
    assert words == ["python", "-m", "zero_dce.review", "pick", str(maker.folder), "--run", "0", "--step", "10"]


def test_only_data_inside_and_relative_paths(maker: SweepMaker) -> None:
    maker.run(0, [0, 10])
    file = write_report(maker.folder)
    elements, data = read_page(file)
    for tag, attributes in elements.tags:
        for name in ("src", "href", "srcset", "data", "action"):
            assert not attributes.get(name), f"{tag} loads {attributes}"
    page = file.read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[^\s\"'<>)]+", page))
    # A comment of the library, and the namespace of filters: nothing is loaded from them.
    assert addresses == {"https://github.com/leeoniya/uPlot", "http://www.w3.org/2000/svg"}
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|WebSocket|EventSource|import\(", page)
    assert "default-src 'none'" in page, "and the browser is told to load nothing else"
    assert data["root"] == ""


@pytest.mark.parametrize("text", [NASTY, "<!--<script>", "a & b", "ü × →", "\u2028", "\\u003c"])
def test_json_survives_html(text: str) -> None:
    assert json.loads(to_json({text: text})) == {text: text}
    assert not set("<>&") & set(to_json({text: text}))


def test_numbers_that_json_lacks() -> None:
    assert to_json({"a": float("nan"), "b": [float("inf")]}) == '{"a":null,"b":[null]}'


def test_names_from_files_are_escaped(tmp_path: Path) -> None:
    # A slash is the one character that a folder cannot have.
    maker = SweepMaker(tmp_path / NASTY.replace("/", "%"), [{"exp": HYDRA_NASTY}], make_pictures(1), NASTY)
    maker.run(0, [0, 10], state="failed", error=NASTY)
    file = write_report(maker.folder)
    elements, data = read_page(file)
    assert data["runs"][0]["error"] == NASTY
    assert data["runs"][0]["point"] == f"exp={NASTY}"
    assert data["runs"][0]["cells"]["10"]["00"]["name"] == f"{NASTY}0.JPG"
    scripts = [attributes for tag, attributes in elements.tags if tag == "script"]
    assert [script.get("id") for script in scripts] == ["data", "thumbnails-00", None, None]
    assert "alert(1)" not in {element for _, attributes in elements.tags for element in attributes.values()}
    assert "<script>alert" not in file.read_text(encoding="utf-8")
    assert elements.texts["title"].endswith(maker.folder.name)


def test_a_page_elsewhere_finds_the_pictures(maker: SweepMaker, tmp_path: Path) -> None:
    maker.run(0, [0])
    (tmp_path / "pages").mkdir()
    _, data = read_page(write_report(maker.folder, tmp_path / "pages" / "choice.html"))
    assert data["root"] == "../my%20sweep/"
    with pytest.raises(FileNotFoundError, match="nowhere does not exist: make it first"):
        write_report(maker.folder, tmp_path / "nowhere" / "choice.html")


@pytest.mark.parametrize("started", [0, 1])
def test_without_pictures(tmp_path: Path, started: int) -> None:
    maker = SweepMaker(tmp_path, [{"exp": 3}])
    if started:
        maker.run(0, [0, 10])
    _, data = read_page(write_report(tmp_path))
    assert data["numbers"] == []
    assert data["steps"] == [0, 10][: 2 * started]


def test_long_curves_are_thinned(tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path, [{"exp": 3}])
    maker.run(0, [0, 5000], rows=2500)
    _, data = read_page(write_report(tmp_path))
    steps = data["runs"][0]["training"]["steps"]
    assert 500 < len(steps) <= report.MOST_POINTS
    assert set(np.diff(steps)) == {6}


def test_command_line(maker: SweepMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    maker.run(0, [0, 10])
    command_line.main(["report", str(maker.folder)])
    assert capsys.readouterr().out.startswith(f"{maker.folder / 'report.html'} (0.")
    with pytest.raises(SystemExit) as stop:
        command_line.main(["report", str(tmp_path)])
    assert "expected the folder of a sweep, which holds sweep.json, or of a single run" in str(stop.value.code)


def test_a_single_run(maker: SweepMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = maker.run(0, [0, 10], state="interrupted").rename(tmp_path / "alone")
    command_line.main(["report", str(run)])
    assert capsys.readouterr().out.startswith(f"{run / 'report.html'} (0.")
    _, data = read_page(run / "report.html")
    (only,) = data["runs"]
    assert (only["folder"], only["named"], only["state"]) == (".", [], "interrupted")
    assert (data["root"], data["steps"]) == ("", [0, 10])
    picked = [*shlex.split(data["pick"]), "--step", "10"]
    assert picked == ["python", "-m", "zero_dce.review", "pick", str(run), "--step", "10"]


def test_how_a_pick_names_the_run(maker: SweepMaker) -> None:
    maker.run(1, [0])
    _, data = read_page(write_report(maker.folder))
    assert [run["named"] for run in data["runs"]] == [["--run 0"], ["--run 1"], ["--run 2"]]


def test_a_sweeps_end_writes_it(
    maker: SweepMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    maker.run(0, [0, 10])
    maker.run(1, [0], state="interrupted")
    sweep_end.finish_sweep(maker.folder, in_turn=True)
    assert f"choose by eye, in a browser: {maker.folder / 'report.html'}" in capsys.readouterr().out
    assert (maker.folder / "report.html").is_file()


def test_a_report_that_fails_hides_nothing(
    maker: SweepMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    maker.run(0, [0, 10])

    def fail(folder: Path) -> Path:
        raise RuntimeError("no page")

    monkeypatch.setattr(sweep_end, "write_report", fail)
    sweep_end.finish_sweep(maker.folder, in_turn=True)
    printed = capsys.readouterr().out
    assert "report.html could not be written (RuntimeError: no page)" in printed
    assert f"python -m zero_dce.review report '{maker.folder}'" in printed
    assert "Next, train the one you like on" in printed
    assert (maker.folder / "sweep.csv").is_file()
