"""What a person sees of the Pareto front on report.html, in a real browser."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.helpers.sweeps import OBJECTIVE_VALUES, SweepMaker, make_pictures, make_search
from tests.review.conftest import PLOTS, Open
from tests.review.test_page import cell, rows
from zero_dce.files import read_json, write_json
from zero_dce.review.report import write_report

pytestmark = pytest.mark.chromium
SENTENCE = "no other run is better in one objective without being worse in another"
# Where a run's point lies in the window.
PLACE = f"""number => {{ const plot = {PLOTS}[0]; const {{ left, top }} = plot.over.getBoundingClientRect();
  const run = plot.lines.find(each => each.run === number);
  const at = axis => plot.valToPos(run.fields[document.getElementById(`scatter-${{axis}}`).value], axis);
  return [left + at("x"), top + at("y")]; }}"""


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two objectives; the runs 0 to 3 are the front, 10 to 13 do not count. Tests only look at it."""
    return write_report(make_search(tmp_path_factory.mktemp("pareto") / "search", inputs=make_pictures(2)))


@pytest.fixture
def search_for_three(tmp_path: Path) -> Path:
    return write_report(make_search(tmp_path / "search", objectives=3))


def open_plots(page: Page) -> Page:
    page.keyboard.press("g")
    page.mouse.move(640, 10)
    return page


def drawn(page: Page, run: int) -> list[tuple[int, int, int]]:
    """The pixels of a run's mark: at its middle, halfway to its right tip, and up right, at a circle's radius."""
    x, y = page.evaluate(PLACE, run)
    with Image.open(io.BytesIO(page.screenshot())) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=int)
    places = ((0, 0), (3, 0), (3, -3))
    return [tuple(pixels[round(y + down), round(x + right)]) for right, down in places]


def test_the_front_is_marked_beside_the_names(search: Path, open_page: Open) -> None:
    page = open_page(search)
    marked = page.locator(".row.run:has(.head .front)")
    assert marked.evaluate_all("rows => rows.map(row => Number(row.dataset.run))") == [0, 1, 2, 3]
    badge = marked.first.locator(".front")
    expect(badge).to_have_text("◆ Pareto front")
    expect(badge).to_have_attribute("title", f"Pareto front: {SENTENCE}")
    expect(page.locator(".strip .legend")).to_contain_text(
        f"{SENTENCE} (entropy_out: higher is better; loe: lower is better)"
    )
    expect(marked.nth(2).locator(".objectives")).to_have_text("entropy_out 7.12 loe 231")
    expect(page.locator('.row[data-run="13"] .objectives')).to_have_text("entropy_out – loe –")
    page.locator("#sort").select_option("loe")
    expect(marked.first.locator(".sorted-by")).to_have_text("")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("pareto", [0, 1, 2, 3]),
        ("PARETO loe<200", [0, 1]),
        ("pareto finished exp>=10", [1, 2, 3]),
        ("loe<200", [0, 1, 5, 10, 11, 12]),
        ("pareto failed", []),
    ],
)
def test_the_filter_understands_it(search: Path, open_page: Open, text: str, left: list[int]) -> None:
    page = open_page(search)
    page.locator("#filter").fill(text)
    assert rows(page) == left
    expect(page.locator("#filter-says")).to_have_text(f"{len(left)} of 14 runs")


def test_the_help_tells_of_it(search: Path, open_page: Open) -> None:
    page = open_page(search)
    expect(page.locator("#filter")).to_have_attribute("placeholder", "pareto  exp>=10  psnr_gain>5  finished")
    page.keyboard.press("?")
    about = page.locator("#about")
    expect(about.get_by_role("heading", name="Pareto front")).to_be_visible()
    expect(about.get_by_text("A run is on it where")).to_contain_text(SENTENCE)
    expect(page.locator("#about-objectives")).to_have_text("entropy_out: higher is better; loe: lower is better")
    expect(about.get_by_text("The word pareto leaves the runs on the Pareto front.")).to_be_visible()


def test_the_scatter_begins_with_the_first_two_objectives(search: Path, open_page: Open) -> None:
    page = open_plots(open_page(search))
    expect(page.locator("#scatter-x")).to_have_value("entropy_out")
    expect(page.locator("#scatter-y")).to_have_value("loe")
    scatter = page.locator(".chart").first
    expect(scatter.locator("h3")).to_have_text("loe over entropy_out 1 run lacks one of them")
    expect(scatter.locator(".marks span")).to_have_text(
        ["◆ Pareto front", "○ other finished runs", "× not counted: not finished, faded or incomplete"]
    )
    assert page.evaluate(f"{PLOTS}[0].axes.map(axis => axis.label)") == [
        "entropy_out: higher is better →",
        "← loe: lower is better",
    ]
    # From one run of the front to the next over what both reach: less entropy, more order error.
    front = OBJECTIVE_VALUES[:4]
    wanted = [list(front[3][:2])]
    for better, worse in ((3, 2), (2, 1), (1, 0)):
        wanted += [[front[worse][0], front[better][1]], list(front[worse][:2])]
    corners = page.evaluate(f"{PLOTS}[0].corners")
    assert sorted(corners[::2]) == sorted(wanted[::2])
    assert sorted(corners[1::2]) == sorted([[6.21, 153.0], [6.74, 231.0], [7.12, 402.0]])


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_marks_differ_in_form(search: Path, open_page: Open, theme: str) -> None:
    page = open_page(search)
    if theme == "light":
        page.locator("#theme").click()
    open_plots(page)
    panel = page.evaluate("getComputedStyle(document.getElementById('plots')).backgroundColor")
    ground = tuple(int(part) for part in panel.removeprefix("rgb(").removesuffix(")").split(","))
    middle, right, corner = drawn(page, 1)
    assert middle == right != ground, "a filled diamond"
    middle, right, corner = drawn(page, 6)
    assert middle == right == ground != corner, "an open circle"
    middle, right, corner = drawn(page, 11)
    assert middle == corner != right == ground, "a cross"


@pytest.mark.parametrize(("theme", "colour"), [("dark", 228), ("light", 28)])
def test_a_line_joins_the_front(search: Path, open_page: Open, theme: str, colour: int) -> None:
    page = open_page(search)
    if theme == "light":
        page.locator("#theme").click()
    open_plots(page)
    # Halfway on each part of the line.
    halves = page.evaluate(
        f"""() => {{ const plot = {PLOTS}[0]; const {{ left, top }} = plot.over.getBoundingClientRect();
          const places = plot.corners.map(([x, y]) => [left + plot.valToPos(x, "x"), top + plot.valToPos(y, "y")]);
          return places.slice(1).map(([x, y], at) => [(x + places[at][0]) / 2, (y + places[at][1]) / 2]); }}"""
    )
    with Image.open(io.BytesIO(page.screenshot())) as image:
        pixels = np.asarray(image.convert("L"), dtype=int)
    assert len(halves) == 6
    for x, y in halves:
        around = pixels[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2]
        assert np.abs(around - colour).min() < 25


def test_pointing_names_run_and_values(search: Path, open_page: Open) -> None:
    page = open_plots(open_page(search))
    label = page.locator(".point-label")
    expect(label).to_be_hidden()
    page.mouse.move(*page.evaluate(PLACE, 2))
    text = "run 2 · exp=16.2 tv=727.3: loe 231, entropy_out 7.12, on the Pareto front"
    expect(page.locator("#pointed")).to_have_text(text)
    expect(label.locator("strong")).to_have_text("run 2 · exp=16.2 tv=727.3")
    expect(label.locator("div")).to_have_text(["loe 231", "entropy_out 7.12", "on the Pareto front"])
    for run, standing in (
        (7, "not on the Pareto front"),
        (10, "not counted: fades from step 10"),
        (11, "not counted: unfinished"),
        (12, "not counted: failed"),
    ):
        page.mouse.move(*page.evaluate(PLACE, run))
        expect(label.locator("div").last).to_have_text(standing)
        inside = "l => [l, l.parentElement].map(e => e.getBoundingClientRect())"
        box, over = label.evaluate(inside)
        assert over["left"] <= box["left"], run
        assert box["right"] <= over["right"], run
    page.mouse.move(640, 10)
    expect(label).to_be_hidden()


def test_keys_lead_to_the_same_label(search: Path, open_page: Open) -> None:
    page = open_plots(open_page(search))
    cell(page, 0, 20).focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".point-label strong")).to_contain_text("run 1 ")
    page.locator('.row[data-run="3"] .name').focus()
    expect(page.locator(".point-label strong")).to_contain_text("run 3 ")
    expect(page.locator("#pointed")).to_have_text(
        "run 3 · exp=28.7 tv=340.4: loe 402, entropy_out 7.31, on the Pareto front"
    )


def test_a_filter_leaves_the_front_as_it_is(search: Path, open_page: Open) -> None:
    page = open_plots(open_page(search))
    whole = page.evaluate(f"{PLOTS}[0].corners")
    page.locator("#filter").fill("exp<12 finished")
    assert page.evaluate(f"{PLOTS}[0].lines.map(run => run.run).sort()") == [0, 1, 4, 5, 7, 8, 9]
    assert page.evaluate(f"{PLOTS}[0].corners") == whole
    scales = page.evaluate(f"['x', 'y'].map(axis => {PLOTS}[0].scales[axis]).map(({{ min, max }}) => [min, max])")
    assert scales[0][0] < 6.05
    assert scales[0][1] > 7.31
    assert scales[1][1] > 402


def test_three_objectives(search_for_three: Path, open_page: Open) -> None:
    page = open_plots(open_page(search_for_three))
    groups = page.locator("#scatter-y optgroup").first
    expect(groups).to_have_attribute("label", "objectives")
    expect(groups.locator("option")).to_have_text(["entropy_out", "loe", "noise_out"])
    page.locator("#scatter-y").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#scatter-y")).to_have_value("noise_out")
    assert page.evaluate(f"{PLOTS}[0].axes.map(axis => axis.label)")[1] == "← noise_out: lower is better"
    expect(page.locator(".marks")).to_contain_text("line: the front of these two objectives alone")
    corners = [tuple(corner) for corner in page.evaluate(f"{PLOTS}[0].corners")]
    assert corners == [(7.31, 0.022), (7.12, 0.022), (7.12, 0.018), (6.55, 0.018), (6.55, 0.011)]
    page.mouse.move(*page.evaluate(PLACE, 0))
    expect(page.locator("#pointed")).to_have_text(
        "run 0 · exp=3.1 tv=390.2: noise_out 0.021, entropy_out 6.21, loe 118, on the Pareto front"
    )
    # A swept value is no objective: marks stay, the line has no meaning there.
    page.locator("#scatter-x").select_option("exp")
    assert page.evaluate(f"{PLOTS}[0].corners") == []
    assert page.evaluate(f"{PLOTS}[0].axes[0].label") == "exp"
    expect(page.locator(".marks span").first).to_have_text("◆ Pareto front")
    expect(page.locator(".marks")).not_to_contain_text("line:")


def test_before_any_run_has_finished(tmp_path: Path, open_page: Open) -> None:
    folder = tmp_path / "search"
    SweepMaker(folder, [{"exp": 3}, {"exp": 10}], objectives={"val/entropy_out": "maximize", "val/loe": "minimize"})
    page = open_page(write_report(folder))
    page.keyboard.press("g")
    expect(page.locator(".chart").first).to_contain_text("nothing logged yet")
    page.locator("#filter").fill("pareto")
    assert rows(page) == []


def test_an_objective_with_a_weights_name_keeps_its_own(tmp_path: Path, open_page: Open) -> None:
    folder = tmp_path / "search"
    maker = SweepMaker(
        folder, [{"exp": 3}, {"exp": 10}], objectives={"val/exp": "minimize", "val/psnr_gain": "maximize"}
    )
    maker.run(0, [0, 10], measured={"val/exp": 0.2})
    maker.run(1, [0, 10], measured={"val/exp": 0.3})
    page = open_plots(open_page(write_report(folder)))
    expect(page.locator("#scatter-x")).to_have_value("val/exp")
    assert page.evaluate(f"{PLOTS}[0].corners") == [[0.2, 1], [0.3, 1], [0.3, 2]]
    assert page.locator(".objectives").all_inner_texts() == ["val/exp 0.2  psnr_gain 1", "val/exp 0.3  psnr_gain 2"]


def test_a_grid_shows_nothing_of_it(tmp_path: Path, open_page: Open) -> None:
    folder = make_search(tmp_path / "search", inputs=make_pictures(2))
    plan = read_json(folder / "sweep.json")
    del plan["objectives"]
    write_json(folder / "sweep.json", plan)
    page = open_plots(open_page(write_report(folder)))
    for trace in (".front", ".objectives", ".marks", ".point-label", "optgroup", ".of-front"):
        assert page.locator(trace).count() == 0, trace
    assert "areto" not in page.locator("body").inner_text()
    expect(page.locator("#filter")).to_have_attribute("placeholder", "exp>=10  psnr_gain>5  finished")
    assert page.locator(".chart h3").last.inner_text().startswith("psnr_gain over exp")
    page.locator("#filter").fill("pareto")
    assert rows(page) == [], "a word like any other"
    page.locator("#filter").fill("")
    page.locator("#help").click()
    expect(page.locator("#about")).to_contain_text("All of which must hold", ignore_case=True)
    assert "areto" not in page.locator("#about").inner_text()
