"""What a person sees and does on report.html, in a real browser."""

from __future__ import annotations

import io
import itertools
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.helpers.sweeps import SweepMaker, make_photographs, make_pictures
from tests.review.conftest import PLOTS, Open, wait_until
from tests.review.test_report import HYDRA_NASTY, NASTY
from zero_dce.review.bundle import bundle
from zero_dce.review.report import page_scripts, write_report

pytestmark = pytest.mark.chromium
Pixels = npt.NDArray[np.int64]
# The shown thumbnail's pixels, as the browser decodes them.
DECODED = """async (image) => {
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.width, canvas.height, [...pixels]];
}"""


def make_sweep(folder: Path) -> Path:
    """Two finished runs, a failed one with other steps, one that goes on, and one that never began."""
    points = [{"exp": exp, "tv": tv} for exp, tv in ((3, 200), (10, 200), (30, 800), (5, 100), (7, 100))]
    maker = SweepMaker(folder / "my sweep", points, make_photographs(2, longest=300))
    maker.run(0, [0, 10, 20], washout={"from_step": 10})
    maker.run(1, [0, 10, 20])
    maker.run(2, [0, 15], state="failed", error="ValueError: no")
    maker.run(3, [0], state=None)
    return maker.folder


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that tests only look at."""
    return make_sweep(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def report(sweep: Path) -> Path:
    return write_report(sweep)


@pytest.fixture
def own_sweep(tmp_path: Path) -> Path:
    """A sweep that a test may change."""
    return make_sweep(tmp_path)


def pixels_of(file: Path) -> Pixels:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int64)


def picture(sweep: Path, run: int, step: int, side: str = "output", number: int = 0) -> Pixels:
    return pixels_of(sweep / str(run) / "samples" / f"step-{step:06d}" / f"{number:02d}_{side}.png")


def cell(page: Page, run: int, step: int) -> Any:
    return page.get_by_role("button", name=f"run {run} ").and_(page.locator(f'[aria-label$=", step {step}"].picture'))


def focused(page: Page) -> str | None:
    return page.evaluate("document.activeElement.getAttribute('aria-label')")


def rows(page: Page) -> list[int]:
    return [int(number) for number in page.locator(".row.run").evaluate_all("rows => rows.map(r => r.dataset.run)")]


def enlarged(page: Page) -> Pixels:
    """The picture as it is on the screen, in the screen's pixels."""
    box = page.locator("#frame").bounding_box()
    assert box is not None
    scale = page.evaluate("devicePixelRatio")
    left, top, width, height = (round(scale * box[name]) for name in ("x", "y", "width", "height"))
    with Image.open(io.BytesIO(page.screenshot())) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int64)[top : top + height, left : left + width]


def wait_for(page: Page, run: int, step: int, side: str = "output", number: int = 0) -> None:
    """Wait until the enlarged view shows a file."""
    name = f"{run}/samples/step-{step:06d}/{number:02d}_{side}.png"
    wait_until(
        page, "name => { const i = document.getElementById('shown'); return i.src.endsWith(name) && i.complete; }", name
    )


def test_thumbnails_decode_to_the_files_pixels(report: Path, sweep: Path, open_page: Open) -> None:
    page = open_page(report)
    for run, step in ((0, 20), (1, 10)):
        width, height, values = cell(page, run, step).locator("img").evaluate(DECODED)
        shown = np.array(values).reshape(height, width, 4)[:, :, :3]
        whole = Image.fromarray(picture(sweep, run, step).astype(np.uint8))
        small = np.asarray(whole.resize((width, height), Image.Resampling.LANCZOS), dtype=np.int64)
        assert max(width, height) == 192
        assert np.abs(shown - small).mean() < 3
        assert np.abs(shown.mean(axis=(0, 1)) - small.mean(axis=(0, 1))).max() < 1, "no cast, no other gamma"


@pytest.mark.parametrize("scale", [1.0, 1.25, 2.0])
def test_enlarged_are_exactly_the_files_pixels(report: Path, sweep: Path, open_page: Open, scale: float) -> None:
    page = open_page(report, scale)
    cell(page, 0, 20).click()
    page.keyboard.press("s")
    wait_for(page, 0, 20)
    np.testing.assert_array_equal(enlarged(page), picture(sweep, 0, 20))
    for key, side in (("i", "input"), ("c", "curves"), ("o", "output")):
        page.keyboard.press(key)
        wait_for(page, 0, 20, side)
        np.testing.assert_array_equal(enlarged(page), picture(sweep, 0, 20, side))
    page.keyboard.press("+")
    wait_until(page, "document.getElementById('zoom').textContent === '2:1'")
    twice = picture(sweep, 0, 20).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(enlarged(page), twice)


def test_the_slider_divides_before_from_after(report: Path, sweep: Path, open_page: Open) -> None:
    page = open_page(report)
    cell(page, 1, 20).click()
    wait_for(page, 1, 20)
    before, after = picture(sweep, 1, 20, "input"), picture(sweep, 1, 20)
    middle = before.shape[1] // 2
    expect(page.locator("#handle")).to_be_visible()
    shown = enlarged(page)
    np.testing.assert_array_equal(shown[:, : middle - 20], before[:, : middle - 20])
    np.testing.assert_array_equal(shown[:, middle + 20 :], after[:, middle + 20 :])
    for _ in range(10):
        page.keyboard.press(",")
    quarter = round(0.3 * before.shape[1])
    np.testing.assert_array_equal(enlarged(page)[:, quarter + 20 :], after[:, quarter + 20 :])
    box = page.locator("#frame").bounding_box()
    handle = page.locator("#handle").bounding_box()
    assert box
    assert handle
    page.mouse.move(handle["x"] + 14, handle["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], handle["y"] + 30)
    page.mouse.up()
    right = round(0.9 * before.shape[1])
    np.testing.assert_array_equal(enlarged(page)[:, : right - 20], before[:, : right - 20])


def test_larger_than_the_window_scrolls_and_drags(report: Path, open_page: Open) -> None:
    page = open_page(report)
    cell(page, 0, 20).click()
    wait_for(page, 0, 20)
    for _ in range(5):
        page.keyboard.press("+")
    page.keyboard.press("s")
    area = page.locator("#stage-area")
    assert area.evaluate("a => a.scrollHeight > a.clientHeight && a.scrollWidth > a.clientWidth")
    before = area.evaluate("a => [a.scrollLeft, a.scrollTop]")
    page.mouse.move(640, 400)
    page.mouse.down()
    page.mouse.move(600, 350, steps=5)
    page.mouse.up()
    after = area.evaluate("a => [a.scrollLeft, a.scrollTop]")
    assert [after[0] - before[0], after[1] - before[1]] == [40, 50]


def test_arrow_keys_move_over_runs_and_steps(report: Path, open_page: Open) -> None:
    page = open_page(report)
    cell(page, 0, 20).focus()
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "run 0 · exp=3 tv=200, step 10"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "run 1 · exp=10 tv=200, step 10"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "run 1 · exp=10 tv=200, step 10", "no further run has this step"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "run 2 · exp=30 tv=800, step 15", "the next step that this run has"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus can be seen"


def test_arrow_keys_in_the_enlarged_view(report: Path, open_page: Open) -> None:
    page = open_page(report)
    cell(page, 0, 20).focus()
    page.keyboard.press("Enter")
    wait_for(page, 0, 20)
    page.keyboard.press("ArrowDown")
    wait_for(page, 1, 20)
    page.locator("#slider").focus()
    page.keyboard.press("ArrowLeft")
    wait_for(page, 1, 10)
    assert page.locator("#slider").input_value() == "50", "the slider leaves the arrow keys to the grid"
    page.keyboard.press("]")
    wait_for(page, 1, 10, number=1)
    expect(page.locator("#viewer-title")).to_have_text("run 1 · exp=10 tv=200 · step 10")
    expect(page.locator("#viewer-pick code")).to_have_text(
        f"python -m zero_dce.review pick '{report.parent}' --run 1 --step 10"
    )
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(":focus")).to_have_attribute("aria-label", "run 1 · exp=10 tv=200, step 10")


def test_enter_enlarges_the_marked_cell_wherever_the_focus_is(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.keyboard.press("g")
    page.keyboard.press("Enter")
    expect(page.locator("#viewer-title")).to_have_text("run 0 · exp=3 tv=200 · step 20")
    page.keyboard.press("Escape")
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("#viewer")).to_be_hidden()


def test_everything_is_reached_by_tab(report: Path, open_page: Open) -> None:
    page = open_page(report)
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(e => e.id || e.className || e.dataset.value)(document.activeElement)"))
    assert {
        "size",
        "toggle-plots",
        "theme",
        "help",
        "filter",
        "sort",
        "direction",
        "name",
        "picture",
        "copy",
    } <= reached
    assert {"output", "00"} <= reached, "one button of each group; arrow keys lead to the others"


def test_the_grids_sides(report: Path, sweep: Path, open_page: Open) -> None:
    page = open_page(report)
    for key, side in (("i", "input"), ("c", "curves")):
        page.keyboard.press(key)
        image = cell(page, 1, 20).locator("img")
        expect(image).to_have_attribute("src", f"1/samples/step-000020/00_{side}.png")
        width, height, values = image.evaluate(
            "async (i) => { await i.decode(); return [i.naturalWidth, i.naturalHeight, 0]; }"
        )
        assert (height, width) == picture(sweep, 1, 20, side).shape[:2], values


def test_sort(report: Path, open_page: Open) -> None:
    page = open_page(report)
    assert rows(page) == [0, 1, 2, 3, 4]
    page.locator("#sort").select_option("exp")
    assert rows(page) == [0, 3, 4, 1, 2]
    page.locator("#direction").click()
    assert rows(page) == [2, 1, 4, 3, 0]
    page.locator("#sort").select_option("psnr_gain")
    assert rows(page) == [2, 1, 0, 3, 4], "runs that were never validated come last"
    expect(cell(page, 1, 20).locator("xpath=..").locator(".value")).to_have_text("psnr_gain 2")


FILTERS = [
    ("exp>=10", [1, 2], "2 of 5 runs"),
    ("exp >= 10  tv = 200", [1], "1 of 5 runs"),
    ("psnr_gain>1.5", [1, 2], "2 of 5 runs"),
    ("val/exp<1", [0, 1, 2], "3 of 5 runs"),
    ("state=failed", [2], "1 of 5 runs"),
    ("unfinished", [3], "1 of 5 runs"),
    ("ValueError", [2], "1 of 5 runs"),
    ("washout<=10", [0], "1 of 5 runs"),
    ("exp!=3 FINISHED state!=unfinished", [1], "1 of 5 runs"),
    ("nothing-like-it", [], "0 of 5 runs"),
    ("expo>3", [0, 1, 2, 3, 4], "no run has “expo”"),
    ("exp>many", [0, 1, 2, 3, 4], "“many” is not a number"),
    ("exp>", [0, 1, 2, 3, 4], "“exp>” lacks a value"),
    ("", [0, 1, 2, 3, 4], ""),
]


def test_filter(report: Path, open_page: Open) -> None:
    page = open_page(report)
    for text, left, says in FILTERS:
        # A text that cannot be read leaves the runs that were shown before it: here all.
        page.locator("#filter").fill("")
        page.locator("#filter").fill(text)
        assert rows(page) == left, text
        expect(page.locator("#filter-says")).to_have_text(says)


def test_the_keys_go_on_from_a_run_that_the_filter_shows(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.locator("#filter").fill("exp>=10")
    page.keyboard.press("Escape")
    assert page.locator("#filter").input_value() == "exp>=10", "what is filtered by can be read"
    assert focused(page) == "run 1 · exp=10 tv=200, step 20"
    page.keyboard.press("ArrowUp")
    assert focused(page) == "run 1 · exp=10 tv=200, step 20", "run 0 is not shown"


def test_what_is_said_of_runs(report: Path, open_page: Open) -> None:
    page = open_page(report)
    row = [page.locator(f'.row[data-run="{number}"]') for number in range(5)]
    expect(row[0]).to_contain_text("fades from step 10")
    expect(row[2]).to_contain_text("failed, step 15")
    expect(row[2]).to_contain_text("ValueError: no")
    expect(row[3]).to_contain_text("unfinished: running, or stopped")
    expect(row[3]).to_contain_text("step 0 is untrained: there is no checkpoint to pick")
    expect(row[4]).to_contain_text("not started")
    expect(row[0].locator(".pick code")).to_have_text(
        f"python -m zero_dce.review pick '{report.parent}' --run 0 --step 20"
    )


def test_flags_stand_on_their_cells(tmp_path: Path, open_page: Open) -> None:
    maker = SweepMaker(tmp_path, [{"exp": 3}], [Image.new("RGB", (60, 40), (160, 80, 80))])
    run = maker.run(0, [0, 10])
    file = run / "samples" / "step-000010" / "00_output.png"
    file.unlink()
    Image.new("RGB", (60, 40), (200, 160, 160)).save(file)
    page = open_page(write_report(tmp_path))
    assert page.locator(".cell .flag").all_inner_texts() == ["washed out 0.400"]
    cell(page, 0, 10).click()
    expect(page.locator("#viewer-flags")).to_have_text("washed out 0.400")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    for legend in page.locator(".legend").all():
        expect(legend).to_contain_text("saturation out / in below 0.6")
    expect(page.locator("#about")).to_contain_text("fades from step N beside a run is another rule")


def test_a_page_that_was_moved_alone_says_so(report: Path, tmp_path: Path, open_page: Open) -> None:
    moved = tmp_path / "alone" / "report.html"
    moved.parent.mkdir()
    shutil.copy(report, moved)
    page = open_page(moved)
    expect(page.locator("#missing")).to_contain_text("only thumbnails of the outputs can be shown")
    expect(page.locator("#missing")).to_contain_text(str(report.parent))
    assert cell(page, 0, 20).locator("img").evaluate(DECODED)[0] > 0, "thumbnails are inside"
    cell(page, 0, 20).click()
    expect(page.locator("#viewer-missing")).to_contain_text("0/samples/step-000020/00_output.png")
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    expect(cell(page, 0, 20)).to_have_text("Input is missing")


def test_a_page_with_its_folder_misses_nothing(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.wait_for_load_state("networkidle")
    expect(page.locator("#missing")).to_be_hidden()


def test_plots_and_rows_mark_the_same_run(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.keyboard.press("g")
    charts = page.locator(".chart")
    titles = charts.locator("h3").all_inner_texts()
    assert [title.split()[0] for title in titles] == ["total", "spa", "exp", "col", "tv", "psnr_gain"]
    page.locator('.row[data-run="1"] .name').hover()
    focus = "plot.lines.findIndex((run, at) => plot.series[at + 1]._focus && run.run === 1)"
    assert page.evaluate(f"{PLOTS}.map(plot => {focus} >= 0)") == [True] * 6
    # The scatter's highest point is run 2, the best psnr_gain.
    place = page.evaluate(
        f"""() => {{ const plot = {PLOTS}.at(-1); const box = plot.over.getBoundingClientRect();
          return [box.left + plot.valToPos(30, "x"), box.top + plot.valToPos(3, "y")]; }}"""
    )
    page.mouse.move(*place)
    expect(page.locator("#pointed")).to_have_text("run 2 · exp=30 tv=800: 3 at 30")
    expect(page.locator('.row[data-run="2"]')).to_have_class("row run pointed")
    page.mouse.click(*place)
    page.mouse.move(640, 100)
    expect(page.locator('.row[data-run="2"] .name')).to_have_attribute("aria-pressed", "true")
    expect(page.locator('.row[data-run="2"]')).to_have_class("row run pointed")
    page.locator("#filter").fill("exp<10")
    assert page.evaluate(f"{PLOTS}.map(plot => plot.lines.map(run => run.run))")[-1] == [0]


def test_curves_draw_what_was_logged(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.keyboard.press("g")
    drawn = page.evaluate(f"{PLOTS}[0].data[2]")
    with (report.parent / "1" / "metrics.csv").open() as stream:
        header, *lines = [line.rstrip("\n").split(",") for line in stream]
    logged = [float(line[header.index("train/total")]) for line in lines]
    assert [value for value in drawn if value is not None] == pytest.approx(logged, rel=1e-4)
    page.get_by_role("radio", name="Validation").click()
    assert "exp" in page.locator(".chart h3").nth(2).inner_text()
    assert page.evaluate(f"{PLOTS}.length") == 2, "this sweep validated exp alone; the scatter is the other"


def test_copying_the_command(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    wanted = f"python -m zero_dce.review pick '{report.parent}' --run 1 --step 10"
    cell(page, 1, 10).locator("xpath=..").locator(".copy").click()
    expect(page.locator("#said")).to_have_text(f"Copied: {wanted}")
    assert page.evaluate("navigator.clipboard.readText()") == wanted
    cell(page, 0, 20).focus()
    page.keyboard.press("p")
    assert page.evaluate("navigator.clipboard.readText()").endswith("--run 0 --step 20")
    page.keyboard.press("Home")
    cell(page, 0, 0).focus()
    page.keyboard.press("p")
    expect(page.locator("#said")).to_have_text("step 0 has no checkpoint to pick")


def test_what_is_said_is_seen_in_the_enlarged_view(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell(page, 1, 10).click()
    page.keyboard.press("p")
    # What is outside an open dialog lies below it.
    expect(page.locator("#viewer #said.shown")).to_contain_text("Copied: python -m zero_dce.review pick")
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(page.locator("body > #said.shown")).to_contain_text("Copied")


def test_the_whole_command_can_be_read(report: Path, open_page: Open) -> None:
    page = open_page(report)
    hidden = "codes => codes.filter(c => c.scrollHeight > c.clientHeight + 1 || c.scrollWidth > c.clientWidth).length"
    commands = page.locator(".head .pick code")
    assert commands.count() == 3, "the runs with a checkpoint"
    assert commands.evaluate_all(hidden) == 0


def test_names_on_a_logarithmic_axis_have_room(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.add_script_tag(content=bundle({"axes.js": page_scripts()["axes.js"]}))
    axes = [(digits / 1e4, digits / 1e4 * span) for digits in range(10, 100) for span in (2, 3, 8, 40, 1e3, 1e6)]
    drawn = page.evaluate("axes => axes.map(([low, high]) => modules['axes.js'].logSplits(low, high))", axes)
    for (low, high), names in zip(axes, drawn, strict=True):
        places = [math.log(name / low) / math.log(high / low) for name in names]
        assert len(places) >= 2
        # A tenth of the axis is the height of a name.
        assert min(after - before for before, after in itertools.pairwise(places)) > 0.1, (low, high, names)


def test_light_and_dark(report: Path, open_page: Open) -> None:
    page = open_page(report)

    def background() -> list[int]:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]

    dark = background()
    page.locator("#theme").click()
    light = background()
    assert len(set(dark)) == len(set(light)) == 1, "neutral"
    assert dark[0] < 80
    assert light[0] > 180


def test_names_from_files_are_text(tmp_path: Path, open_page: Open) -> None:
    folder = tmp_path / NASTY.replace("/", "%")
    maker = SweepMaker(folder, [{"exp": HYDRA_NASTY}], make_pictures(2), NASTY)
    maker.run(0, [0, 10], state="failed", error=NASTY)
    page = open_page(write_report(folder))
    expect(page.locator(".row .name")).to_have_text(f"run 0 · exp={NASTY}")
    expect(page.locator(".row .error")).to_have_text(NASTY)
    assert page.locator("#pictures button").nth(0).get_attribute("title") == f"00 {NASTY}0.JPG"
    cell(page, 0, 10).click()
    wait_for(page, 0, 10)
    expect(page.locator("#viewer-measures")).to_contain_text(NASTY)
    assert page.locator("script").count() == 5


@pytest.mark.parametrize("points", [[], [{"exp": 3}]])
def test_a_sweep_without_anything(tmp_path: Path, open_page: Open, points: list[dict[str, Any]]) -> None:
    SweepMaker(tmp_path, points)
    page = open_page(write_report(tmp_path))
    expect(page.locator("#nothing")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("p")
    page.keyboard.press("]")
    page.keyboard.press("c")
    expect(page.locator(".chart").first).to_contain_text("nothing logged yet")


def test_a_single_run_without_pictures(tmp_path: Path, open_page: Open) -> None:
    SweepMaker(tmp_path, [{"exp": 3}]).run(0, [0, 10])
    page = open_page(write_report(tmp_path))
    expect(cell(page, 0, 10)).to_have_text("no pictures saved")
    cell(page, 0, 10).click()
    expect(page.locator("#viewer-missing")).to_contain_text("The run has not saved this")
    expect(page.locator("#viewer-pick code")).to_contain_text("--run 0 --step 10")


def test_a_half_written_picture(own_sweep: Path, open_page: Open) -> None:
    file = own_sweep / "1" / "samples" / "step-000020" / "00_output.png"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:1000])
    page = open_page(write_report(own_sweep))
    expect(cell(page, 1, 20)).to_have_text("this picture is being written, or damaged")
    cell(page, 1, 20).click()
    expect(page.locator("#viewer-missing")).to_have_text("this picture is being written, or damaged")


def test_a_run_that_stops_saving_curves(own_sweep: Path, open_page: Open) -> None:
    (own_sweep / "1" / "samples" / "step-000020" / "00_curves.png").unlink()
    page = open_page(write_report(own_sweep))
    page.keyboard.press("c")
    expect(cell(page, 1, 20)).to_have_text("no curves saved")
