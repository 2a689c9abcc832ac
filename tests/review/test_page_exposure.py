"""The page's switch "Equal exposure": what is on the screen is what ``zero_dce.exposure`` makes of the outputs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.helpers.sweeps import SweepMaker, make_photographs
from tests.review.conftest import Open, wait_until
from tests.review.test_page import cell, enlarged, picture, wait_for
from tests.review.test_report import read_page
from zero_dce.exposure.response import expose
from zero_dce.exposure.suited import EXPOSED_MEAN
from zero_dce.review.rank import read_votes
from zero_dce.review.report import write_report

pytestmark = pytest.mark.chromium
Pixels = npt.NDArray[np.int64]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs that brighten differently, and a picture of one of them that is black."""
    points = [{"exp": 3}, {"exp": 10}, {"exp": 30}]
    maker = SweepMaker(tmp_path_factory.mktemp("exposure") / "sweep", points, make_photographs(2, longest=300))
    for run in range(3):
        maker.run(run, [0, 10, 20])
    black = maker.folder / "2" / "samples" / "step-000020" / "01_output.png"
    black.unlink()
    Image.new("RGB", (300, 225)).save(black)
    return write_report(maker.folder)


def exposed(report: Path, run: int, step: int, number: int = 0) -> Pixels:
    """An output as the page is to show it."""
    _, data = read_page(report)
    ev = data["runs"][run]["cells"][str(step)][f"{number:02d}"]["ev"]
    return np.rint(255 * expose(picture(report.parent, run, step, "output", number) / 255, ev)).astype(np.int64)


def on_screen(page: Page, image: Locator) -> Pixels:
    wait_until(page, "[...document.images].every(image => !image.src || image.complete)")
    with Image.open(io.BytesIO(image.screenshot())) as shot:
        return np.asarray(shot.convert("RGB"), dtype=np.int64)


def assert_close(shown: Pixels, wanted: Pixels, most: int = 1) -> None:
    assert shown.shape == wanted.shape
    assert np.abs(shown - wanted).max() <= most


@pytest.mark.parametrize("scale", [1.0, 1.25])
def test_outputs_are_exposed_and_nothing_else(report: Path, open_page: Open, scale: float) -> None:
    page = open_page(report, scale)
    cell(page, 1, 20).click()
    page.keyboard.press("s")
    wait_for(page, 1, 20)
    page.keyboard.press("e")
    wanted = exposed(report, 1, 20)
    assert wanted.mean() / 255 == pytest.approx(EXPOSED_MEAN, abs=0.005)
    assert np.abs(wanted - picture(report.parent, 1, 20)).max() > 20, "there is something to see"
    assert_close(enlarged(page), wanted)
    page.keyboard.press("ArrowLeft")
    wait_for(page, 1, 10)
    assert_close(enlarged(page), exposed(report, 1, 10))
    for key, side in (("i", "input"), ("c", "curves")):
        page.keyboard.press(key)
        wait_for(page, 1, 10, side)
        np.testing.assert_array_equal(enlarged(page), picture(report.parent, 1, 10, side))
    page.keyboard.press("o")
    wait_for(page, 1, 10)
    page.keyboard.press("e")
    np.testing.assert_array_equal(enlarged(page), picture(report.parent, 1, 10))


def test_the_input_beside_it_stays(report: Path, open_page: Open) -> None:
    page = open_page(report)
    cell(page, 0, 20).click()
    wait_for(page, 0, 20)
    page.locator("#viewer .equal-exposure").click()
    shown, before = enlarged(page), picture(report.parent, 0, 20, "input")
    middle = before.shape[1] // 2
    np.testing.assert_array_equal(shown[:, : middle - 20], before[:, : middle - 20])
    assert_close(shown[:, middle + 20 :], exposed(report, 0, 20)[:, middle + 20 :])


def test_cells_have_one_brightness_and_inputs_keep_theirs(report: Path, open_page: Open) -> None:
    page = open_page(report)
    images = [cell(page, run, step).locator("img") for run, step in ((0, 0), (0, 20), (1, 20))]
    trained = [on_screen(page, image) for image in images]
    assert np.ptp([shown.mean() / 255 for shown in trained]) > 0.1
    page.keyboard.press("e")
    for image in images:
        assert on_screen(page, image).mean() / 255 == pytest.approx(EXPOSED_MEAN, abs=0.02)
    page.keyboard.press("i")
    inputs = [on_screen(page, image) for image in images]
    page.keyboard.press("e")
    for image, before in zip(images, inputs, strict=True):
        np.testing.assert_array_equal(on_screen(page, image), before)
    page.keyboard.press("o")
    for image, before in zip(images, trained, strict=True):
        np.testing.assert_array_equal(on_screen(page, image), before)


def test_what_is_black_stays_black(report: Path, open_page: Open) -> None:
    page = open_page(report)
    page.keyboard.press("e")
    cell(page, 2, 20).click()
    page.keyboard.press("s")
    page.keyboard.press("]")
    wait_for(page, 2, 20, number=1)
    assert enlarged(page).max() <= 1


def test_the_tables_are_those_of_python(report: Path, open_page: Open) -> None:
    page = open_page(report)
    tables: dict[str, Any] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#exposures filter")].map(filter =>
          [filter.id.slice(2), [...filter.firstChild.children].map(one => one.getAttribute("tableValues"))]))"""
    )
    assert len(tables) > 2
    for ev, channels in tables.items():
        assert len(channels) == 3
        for table in channels:
            wanted = expose(np.arange(256) / 255, float(ev))
            np.testing.assert_allclose([float(value) for value in table.split()], wanted, atol=1e-5)


def test_the_state_is_kept(report: Path, open_page: Open) -> None:
    page = open_page(report)
    button = page.locator("header .equal-exposure")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(button).to_have_attribute("aria-pressed", "true")
    shown = on_screen(page, cell(page, 1, 20).locator("img"))
    assert shown.mean() / 255 == pytest.approx(EXPOSED_MEAN, abs=0.02)
    button.click()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(button).to_have_attribute("aria-pressed", "false")


def test_blind_judging_shows_it_and_votes_keep_it(report: Path, open_page: Open, tmp_path: Path) -> None:
    page = open_page(report)
    page.locator("#open-judge").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("e")
    for side in ("left", "right"):
        image = page.locator(f"#judge-{side}-picture")
        run, _, step, name = str(image.get_attribute("src")).split("/")
        wanted = exposed(report, int(run), int(step.removeprefix("step-")), int(name[:2]))
        # It begins between two of the screen's pixels, so single ones differ.
        shown = on_screen(page, image)[2:-2, 2:-2].mean(axis=(0, 1))
        np.testing.assert_allclose(shown, wanted[2:-2, 2:-2].mean(axis=(0, 1)), atol=2)
    page.keyboard.press("ArrowDown")
    with page.expect_download() as download:
        page.locator("#judge-save").click()
    download.value.save_as(tmp_path / "votes.json")
    votes = json.loads((tmp_path / "votes.json").read_text())["votes"]
    assert [vote["equal_exposure"] for vote in votes] == [False, True]
    assert len(read_votes(tmp_path / "votes.json")[1]) == 2
