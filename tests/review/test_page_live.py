"""The page that a server gives follows the runs, and leaves in place what a person does on it; in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.helpers.pages import serving
from tests.helpers.sweeps import SweepMaker, make_photographs, make_pictures
from tests.review.conftest import PLOTS, Open, wait_until
from tests.review.test_page import cell, focused, rows
from zero_dce.files import read_json, write_json
from zero_dce.review.live import LiveSweep

pytestmark = pytest.mark.chromium
# What a page that was loaded again, or elements that were made again, would not have.
MARK = "document.querySelectorAll('body, .row.run, .cell, .cell img, .head .name').forEach(e => (e.marked = true))"


@pytest.fixture
def maker(tmp_path: Path) -> SweepMaker:
    """Eight runs are planned: one has finished, two go on."""
    points = [{"exp": exp, "tv": tv} for exp in (3, 10, 30, 50) for tv in (200, 800)]
    maker = SweepMaker(tmp_path / "my sweep", points, make_photographs(2, longest=300))
    maker.run(0, [0, 10, 20])
    maker.run(1, [0, 10], state=None)
    maker.run(2, [0, 10], state=None)
    return maker


@pytest.fixture
def live(maker: SweepMaker) -> LiveSweep:
    live = LiveSweep(maker.folder)
    live.look()
    return live


@pytest.fixture
def address(live: LiveSweep) -> Iterator[str]:
    with serving(live) as server:
        yield server.address


def go_on(maker: SweepMaker, live: LiveSweep) -> None:
    """A run takes a step, one fails, and one begins."""
    maker.run(1, [0, 10, 20], state=None)
    maker.run(2, [0, 10], state="failed", error="ValueError: no")
    maker.run(3, [0], state=None)
    live.look()


def wait_for_cell(page: Page, run: int, step: int) -> None:
    """Wait until a cell has its picture."""
    label = f'[aria-label^="run {run} "][aria-label$=", step {step}"].picture img'
    wait_until(page, "label => document.querySelector(label) !== null", label)


def is_loaded(image: Locator) -> bool:
    """Whether a picture can be seen; a cell loads it when it comes near the window."""
    expect(image).to_have_attribute("src", re.compile("."))
    return bool(image.evaluate("async (image) => { await image.decode(); return image.naturalWidth > 0; }"))


def places(page: Page, *selectors: str) -> list[Any]:
    return [page.locator(each).evaluate("e => [e.scrollLeft, e.scrollTop]") for each in selectors]


def test_what_a_person_does_stays_while_the_runs_go_on(
    maker: SweepMaker, live: LiveSweep, address: str, open_page: Open
) -> None:
    page = open_page(address)
    loads: list[str] = []
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    for run, step in ((0, 20), (1, 10)):
        cell(page, run, step).focus()
        page.keyboard.press("k")
    page.locator("#filter").fill("exp<=30")
    page.locator("#filter").evaluate("field => field.setSelectionRange(2, 5)")
    page.locator("#grid").evaluate("grid => grid.scrollTo(0, 90)")
    cell(page, 1, 10).click()
    for _ in range(5):
        page.keyboard.press("+")
    page.locator("#stage-area").evaluate("area => area.scrollTo(130, 70)")
    page.evaluate(MARK)
    scrolled = places(page, "#grid", "#stage-area")
    assert scrolled == [[0, 90], [130, 70]]
    source = page.locator("#shown").get_attribute("src")

    go_on(maker, live)
    wait_for_cell(page, 1, 20)
    wait_for_cell(page, 3, 0)
    assert places(page, "#grid", "#stage-area") == scrolled
    expect(page.locator("#zoom")).to_have_text("6:1")
    expect(page.locator("#viewer-title")).to_have_text("run 1 · exp=3 tv=800 · step 10")
    assert page.locator("#shown").get_attribute("src") == source
    assert page.evaluate("document.activeElement.id") == "stage-area"
    assert page.locator("#filter").evaluate("field => [field.selectionStart, field.selectionEnd]") == [2, 5]
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer-title")).to_have_text("run 1 · exp=3 tv=800 · step 20")
    page.keyboard.press("Escape")

    assert rows(page) == [0, 1, 2, 3, 4, 5], "the filter's"
    expect(page.locator("#filter")).to_have_value("exp<=30")
    expect(page.locator("#open-judge")).to_have_text("Judge 2")
    assert page.locator(".cell.candidate").count() == 2
    expect(page.locator('.row[data-run="2"]')).to_contain_text("failed, step 10")
    expect(page.locator('.row[data-run="2"] .error')).to_have_text("ValueError: no")
    expect(page.locator("#summary")).to_have_text("1 finished, 2 unfinished, 1 failed, 4 not started")
    assert is_loaded(cell(page, 1, 20).locator("img"))
    new = page.locator(".row.run .picture").evaluate_all(
        "all => all.filter(e => !e.closest('.cell').marked).map(e => e.getAttribute('aria-label'))"
    )
    assert new == ["run 1 · exp=3 tv=800, step 20", "run 3 · exp=10 tv=800, step 0"], "nothing else was made again"
    assert page.locator(".row.run").evaluate_all("rows => rows.every(row => row.marked)")
    assert page.locator(".cell img").evaluate_all("images => images.filter(image => !image.marked).length") == 2
    assert page.evaluate("document.body.marked")
    assert loads == []


def test_typing_goes_on_through_a_change(maker: SweepMaker, live: LiveSweep, address: str, open_page: Open) -> None:
    page = open_page(address)
    page.locator("#filter").focus()
    page.keyboard.type("exp>")
    go_on(maker, live)
    wait_for_cell(page, 1, 20)
    expect(page.locator("#filter-says")).to_have_text("“exp>” lacks a value")
    page.keyboard.type("=30 tv=200")
    expect(page.locator("#filter")).to_have_value("exp>=30 tv=200")
    assert rows(page) == [4, 6]


def test_a_focused_run_keeps_the_focus_where_the_order_changes(
    maker: SweepMaker, live: LiveSweep, address: str, open_page: Open
) -> None:
    page = open_page(address)
    page.locator("#sort").select_option("psnr_gain")
    page.locator("#direction").click()
    assert rows(page)[:3] == [2, 1, 0]
    cell(page, 1, 10).focus()
    maker.run(1, [0, 10, 20], state=None, measured={"val/psnr_gain": 9.0})
    live.look()
    wait_for_cell(page, 1, 20)
    assert rows(page)[:3] == [1, 2, 0]
    assert focused(page) == "run 1 · exp=3 tv=800, step 10"
    assert page.locator("#sort").input_value() == "psnr_gain"
    page.keyboard.press("ArrowRight")
    assert focused(page) == "run 1 · exp=3 tv=800, step 20"


def test_votes_stay(maker: SweepMaker, live: LiveSweep, address: str, open_page: Open) -> None:
    page = open_page(address)
    page.locator("#open-judge").click()
    for key in ("ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    sources = page.locator("#judge-pictures img").evaluate_all("images => images.map(image => image.src)")
    ranking = page.locator("#judge-ranking").inner_text()
    go_on(maker, live)
    wait_for_cell(page, 1, 20)
    expect(page.locator("#judge-verdict")).to_contain_text("2 votes.")
    assert page.locator("#judge-pictures img").evaluate_all("images => images.map(image => image.src)") == sources
    assert page.locator("#judge-ranking").inner_text() == ranking
    page.keyboard.press("ArrowDown")
    expect(page.locator("#judge-verdict")).to_contain_text("3 votes.")
    with page.expect_download() as download:
        page.locator("#judge-save").click()
    votes = read_json(Path(download.value.path()))
    assert [vote["choice"] for vote in votes["votes"]] == ["left", "right", "equal"]
    assert [(one["run"], one["step"]) for one in votes["candidates"]] == [(0, 20), (1, 10), (2, 10)]


def test_plots_follow(maker: SweepMaker, live: LiveSweep, address: str, open_page: Open) -> None:
    page = open_page(address)
    page.keyboard.press("g")
    page.locator("#scatter-x").select_option("tv")
    page.locator("#plots").evaluate("plots => { plots.style.maxHeight = '15rem'; plots.scrollTo(0, 120); }")
    page.evaluate("document.querySelectorAll('.chart').forEach(box => (box.marked = box.plot))")
    last = f"{PLOTS}[0].data[0].at(-1)"
    assert page.evaluate(last) == 20
    maker.run(1, [0, 10, 40], state=None)
    live.look()
    wait_until(page, f"{last} === 40")
    assert places(page, "#plots") == [[0, 120]]
    assert page.locator("#scatter-x").input_value() == "tv"
    kept = "boxes => boxes.map(box => box.marked === box.plot)"
    assert page.locator(".chart").evaluate_all(kept) == [False] * 5 + [True], "the scatter's values are the same"


def test_what_a_mouse_has_marked_stays(maker: SweepMaker, live: LiveSweep, address: str, open_page: Open) -> None:
    page = open_page(address)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.row[data-run=\"0\"] .pick code'))")
    marked = page.evaluate("String(getSelection())")
    assert "--run 0 --step 20" in marked
    go_on(maker, live)
    wait_for_cell(page, 1, 20)
    assert page.evaluate("String(getSelection())") == marked
    expect(page.locator('.row[data-run="1"] .pick code')).to_contain_text("--step 20")


def test_a_sweep_that_has_yet_to_begin(tmp_path: Path, open_page: Open) -> None:
    folder = tmp_path / "runs" / "later"
    live = LiveSweep(folder)
    live.look()
    with serving(live) as server:
        page = open_page(server.address)
        expect(page.locator("#nothing")).to_contain_text("later does not exist")
        expect(page.locator("#live")).to_have_text("waiting")
        page.evaluate(MARK)
        maker = SweepMaker(folder, [{"exp": 3}, {"exp": 10}], make_pictures(4))
        live.look()
        expect(page.locator(".row.run")).to_have_count(2)
        expect(page.locator("#nothing")).to_contain_text("They will appear here.")
        maker.run(0, [0, 10], state=None)
        live.look()
        wait_for_cell(page, 0, 10)
        expect(page.locator("#nothing")).to_be_hidden()
        expect(page.locator("#live")).to_have_text(re.compile(r"following the runs, last change \d\d:\d\d"))
        expect(page.locator("#pictures button")).to_have_count(4)
        expect(page.locator("#pictures [aria-checked=true] img")).to_have_attribute("alt", "01 scene/1.JPG")
        options = page.locator("#sort option").all_inner_texts()
        assert {"exp", "psnr_gain"} <= set(options)
        page.keyboard.press("ArrowLeft")
        assert focused(page) == "run 0 · exp=3, step 0", "the keys begin at the last step"
        for run in (0, 1):
            maker.run(run, [0, 10])
        live.look()
        expect(page.locator("#live")).to_have_text("all runs have ended")
        assert page.evaluate("document.body.marked")


def test_a_search_has_runs_added(maker: SweepMaker, live: LiveSweep, address: str, open_page: Open) -> None:
    page = open_page(address)
    colours = "rows => rows.map(row => row.style.getPropertyValue('--colour'))"
    before = page.locator(".row.run").evaluate_all(colours)
    plan = read_json(maker.folder / "sweep.json")
    added = [["loss.weights.exp=70", "loss.weights.tv=5"]]
    write_json(maker.folder / "sweep.json", {**plan, "jobs": plan["jobs"] + added})
    live.look()
    expect(page.locator(".row.run")).to_have_count(9)
    expect(page.locator('.row[data-run="8"] .name')).to_have_text("run 8 · exp=70 tv=5")
    after = page.locator(".row.run").evaluate_all(colours)
    assert after[:-1] == before
    assert len(set(after)) == 9


def test_a_plan_that_is_replaced(maker: SweepMaker, live: LiveSweep, address: str, open_page: Open) -> None:
    page = open_page(address)
    cell(page, 0, 10).focus()
    plan = read_json(maker.folder / "sweep.json")
    (maker.folder / "0" / ".hydra" / "overrides.yaml").unlink()
    jobs = [["loss.weights.exp=70", "loss.weights.tv=5"], plan["jobs"][1]]
    write_json(maker.folder / "sweep.json", {**plan, "jobs": jobs})
    live.look()
    expect(page.locator(".row.run")).to_have_count(2)
    expect(page.locator(".cell.current .picture")).to_have_attribute("aria-label", "run 0 · exp=70 tv=5, step 10")
    wait_for_cell(page, 0, 20)
    page.keyboard.press("ArrowDown")
    assert focused(page) == "run 1 · exp=3 tv=800, step 10"
    shutil.rmtree(maker.folder / "1")
    live.look()
    expect(page.locator(".cell.current .picture")).to_have_attribute("aria-label", "run 0 · exp=70 tv=5, step 20")
    expect(page.locator('.row[data-run="1"]')).to_contain_text("not started")


def test_a_server_that_is_gone_and_comes_back(maker: SweepMaker, live: LiveSweep, open_page: Open) -> None:
    with serving(live) as server:
        page = open_page(server.address)
        cell(page, 0, 20).focus()
        port = server.server_port
    expect(page.locator("#live")).to_have_text(re.compile(r"not connected, last update \d\d:\d\d"), timeout=30_000)
    page.keyboard.press("i")
    expect(cell(page, 0, 20)).to_have_text("Input is missing")
    expect(page.locator("#missing")).to_be_hidden()
    go_on(maker, live)
    # Another one, as after a restart: it counts its versions anew.
    again = LiveSweep(maker.folder)
    again.look()
    with serving(again, port=port):
        wait_for_cell(page, 1, 20)
        expect(page.locator("#live")).to_have_text(re.compile("following the runs"))
        assert is_loaded(cell(page, 0, 20).locator("img"))
        assert focused(page) == "run 0 · exp=3 tv=200, step 20"


def test_another_folder_at_the_same_address(live: LiveSweep, tmp_path: Path, open_page: Open) -> None:
    with serving(live) as server:
        page = open_page(server.address)
        port = server.server_port
    other = LiveSweep(tmp_path / "other")
    with serving(other, port=port):
        expect(page.locator("#trouble")).to_contain_text("other: load the page again", timeout=30_000)
        assert len(rows(page)) == 8


def test_a_single_run_is_followed(maker: SweepMaker, tmp_path: Path, open_page: Open) -> None:
    (tmp_path / "alone").mkdir()
    run = maker.run(1, [0, 10], state=None)
    run = run.rename(tmp_path / "alone" / "run")
    live = LiveSweep(run)
    live.look()
    with serving(live) as server:
        page = open_page(server.address)
        expect(page.locator(".row.run")).to_have_count(1)
        page.keyboard.press("c")
        assert is_loaded(page.locator(".cell img").last), "pictures lie in the page's own folder"
        write_json(
            run / "result.json",
            {"state": "interrupted", "last_step": 10, "weights": None, "measures": {}, "error": None},
        )
        live.look()
        expect(page.locator("#live")).to_have_text("all runs have ended")
        expect(page.locator(".head")).to_contain_text("interrupted, step 10")


def test_what_is_wrong_is_said(maker: SweepMaker, live: LiveSweep, address: str, open_page: Open) -> None:
    page = open_page(address)
    result = maker.folder / "0" / "result.json"
    whole = result.read_bytes()
    result.write_text("[1]")
    live.look()
    expect(page.locator("#trouble")).to_contain_text("result.json holds [1]; expected")
    expect(page.locator('.row[data-run="0"]')).to_contain_text("finished, step 20")
    result.write_bytes(whole)
    live.look()
    expect(page.locator("#trouble")).to_be_hidden()
