"""A sweep of 27 runs, 10 steps and 8 pictures: the page stays small, opens at once and scrolls smoothly."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.helpers.sweeps import make_large_sweep
from tests.review.conftest import Open
from tests.review.test_report import read_page
from zero_dce.review.report import write_report


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_large_sweep(tmp_path_factory.mktemp("large")))


def test_size(large: Path) -> None:
    assert 5e6 < large.stat().st_size < 30e6
    elements, data = read_page(large)
    thumbnails = [json.loads(elements.texts[f"thumbnails-{number}"]) for number in data["numbers"]]
    assert sum(map(len, thumbnails)) == 27 * 10 * 8


FRAMES = """async () => {
  const times = [];
  let last = performance.now();
  for (let frame = 0; frame < 60; frame++) {
    document.getElementById("grid").scrollBy(0, 60);
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - last);
    last = performance.now();
  }
  return times.sort((a, b) => a - b);
}"""


@pytest.mark.chromium
def test_opens_at_once_and_scrolls_smoothly(large: Path, open_page: Open) -> None:
    began = time.monotonic()
    page = open_page(large)
    page.wait_for_function("document.querySelector('.cell img[src]')?.naturalWidth > 0")
    assert time.monotonic() - began < 3
    assert page.locator(".cell img").count() == 270, "of the chosen picture alone"
    assert page.locator(".cell img[src]").count() < 150, "and only those near the window are decoded"
    times = page.evaluate(FRAMES)
    assert times[len(times) // 2] < 50, "the frames' median in ms, also on a busy machine without a graphics card"
    page.keyboard.press("g")
    assert page.locator("#charts canvas").count() == 6
    page.locator("#grid").evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    page.wait_for_function("[...document.querySelectorAll('.run:nth-last-child(2) img')].some(i => i.naturalWidth > 0)")
