"""The page of 27 runs, 10 steps and 2 pictures stays small, and the browser decodes little of it at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.sweeps import make_large_sweep
from tests.review.conftest import Open, wait_until
from tests.review.test_report import read_page
from zero_dce.review.report import write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_large_sweep(tmp_path_factory.mktemp("large")))


def test_size(large: Path) -> None:
    elements, data = read_page(large)
    thumbnails = [json.loads(elements.texts[f"thumbnails-{number}"]) for number in data["numbers"]]
    count = sum(map(len, thumbnails))
    assert count == 27 * 10 * 2
    assert 2_500 < large.stat().st_size / count < 15_000, "a few kilobytes per picture, all else included"


@pytest.mark.chromium
def test_only_what_is_near_the_window_is_decoded(large: Path, open_page: Open) -> None:
    page = open_page(large)
    wait_until(page, "document.querySelector('.cell img[src]')?.naturalWidth > 0")
    assert page.locator(".cell img").count() == 270, "only of the chosen picture"
    assert page.locator(".cell img[src]").count() < 150, "and only those near the window are decoded"
    page.keyboard.press("g")
    assert page.locator("#charts canvas").count() == 6
    page.locator("#grid").evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    wait_until(page, "[...document.querySelectorAll('.run:nth-last-child(2) img')].some(i => i.naturalWidth > 0)")
