"""How soon does the page answer? From a move of a control to the picture on the screen, in Chromium.

    python benchmarks/app.py [--image FILE.jpg] [--rounds N] [--output FILE.md]

The server is a process of its own, as ``python -m zero_dce.app`` starts it, and Chromium another one on the same
machine. Without ``--image``, the photograph is an embedded one, brought to 4000 x 3000 pixels, darkened by two stops,
with a sensor's noise. Fast mode, exposure auto, as the page begins:

- dropped: the photograph is uploaded, decoded, enhanced, and shown; each round in a server that has just started;
- strength: the control is moved by one step, each round by another one;
- exposure: a mean to reach is set anew;
- download: the file in full size, written and received.

``--output FILE`` writes the table as Markdown and, beside it, the figures as JSON.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from publishing import describe_machine, publish

from zero_dce.data.sample import PHOTOGRAPHS
from zero_dce.records.environment import describe_environment

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE, STOPS, NOISE = (4000, 3000), 2, 1.5
# True once another picture than the earlier one is there, and decoded.
ARRIVED = """(earlier) => {
  const shown = document.querySelectorAll("#pictures img")[1];
  return shown && shown.src !== earlier && shown.complete && shown.naturalWidth > 0;
}"""
AFTER = 'document.querySelectorAll("#pictures img")[1]?.src ?? ""'


def make_photograph(file: Path) -> None:
    """Write a dark photograph of 12 megapixels."""
    with Image.open(PHOTOGRAPHS / "meadow.jpg") as image:
        large = np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS), np.float32)
    dark = 255 * (large / 255) * 2 ** (-STOPS / 2.2) + np.random.default_rng(0).normal(0, NOISE, large.shape)
    Image.fromarray(dark.clip(0, 255).astype(np.uint8)).save(file, quality=92)


@contextmanager
def served() -> Iterator[str]:
    """Start the server, and give its address."""
    command = [sys.executable, "-m", "zero_dce.app"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        if not line:
            sys.exit("python -m zero_dce.app did not start")
        try:
            yield line.split()[0]
        finally:
            server.send_signal(signal.SIGINT)


def seconds_to_answer(page: Page, act: Callable[[], object]) -> float:
    """Return how long it takes until another picture is on the screen."""
    earlier = page.evaluate(AFTER)
    begin = time.perf_counter()
    act()
    page.wait_for_function(ARRIVED, arg=earlier, timeout=120_000)
    return time.perf_counter() - begin


def move(page: Page, control: str, key: str) -> Callable[[], object]:
    """Return what moves a slider by a key."""
    slider = page.locator(f"#{control} input[type=range]")
    return lambda: slider.press(key)


def measure(page: Page, url: str, image: Path) -> dict[str, float]:
    """Return the seconds of each step."""
    page.goto(url)
    page.wait_for_selector("#strength")
    seconds = {}
    drop = page.locator("#drop input[type=file]")
    seconds["dropped"] = seconds_to_answer(page, lambda: drop.set_input_files(str(image)))
    seconds["strength"] = seconds_to_answer(page, move(page, "strength", "ArrowLeft"))
    # The mean begins at 0.44, where a dark photograph is already.
    seconds_to_answer(page, move(page, "strength", "ArrowRight"))
    page.locator("#exposure").get_by_text("Mean").click()
    page.locator("#mean").wait_for()
    page.wait_for_timeout(5000)
    seconds["exposure"] = seconds_to_answer(page, move(page, "mean", "ArrowLeft"))
    begin = time.perf_counter()
    with page.expect_download() as started:
        page.locator("#save").click()
    started.value.path()
    seconds["download"] = time.perf_counter() - begin
    return seconds


def main() -> None:
    """Measure in some rounds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", type=Path, metavar="FILE.jpg")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, metavar="FILE.md")
    options = parser.parse_args()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit(f"this needs {' or '.join(BROWSERS)}: on Debian, apt-get install chromium")
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        image = options.image or Path(place) / "dark.jpg"
        if not options.image:
            make_photograph(image)
        with Image.open(image) as opened:
            width, height = opened.size
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(options.rounds):
            with served() as url:
                page = browser.new_page(viewport={"width": 1400, "height": 900})
                rounds.append(measure(page, url, image))
                page.close()
        browser.close()
    figures = {step: [one[step] for one in rounds] for step in rounds[0]}
    rows = [[step, f"{statistics.median(found):.2f}", f"{max(found):.2f}"] for step, found in figures.items()]
    lines = ["| step | median s | most s |", "| --- | ---: | ---: |", *(f"| {' | '.join(row)} |" for row in rows)]
    environment = describe_environment("a photograph")
    machine = describe_machine(environment, ("torch", "pillow", "numpy"))
    heading = "# From a move of a control to the picture"
    text = f"{heading}\n\n{machine} {width} x {height} pixels, {options.rounds} rounds.\n\n"
    publish(text + "\n".join(lines) + "\n", options.output, environment, {"seconds": figures})


if __name__ == "__main__":
    main()
