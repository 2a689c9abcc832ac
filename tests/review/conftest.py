"""A browser, where the system has one, and a small sweep to look at."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.helpers.runs import run_apart, tiny

GRID = ["+sweep=loss_weights", "loss.weights.exp=3,10", "loss.weights.tv=200", "hydra.sweep.dir=grid/today"]


NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without its sandbox it also runs as root; one colour profile gives one result on every machine.
ARGUMENTS = ["--no-sandbox", "--force-color-profile=srgb", "--window-size=1280,900"]


Open = Callable[..., Page]
SECONDS_FOR_THE_PAGE = 30.0
# The page's plots, as a script finds them; a box without values has none.
PLOTS = "[...document.querySelectorAll('.chart')].flatMap(box => box.plot ?? [])"


class Browsers:
    """One browser for each number of screen pixels to a CSS pixel.

    The number is given to the browser at its start, as a system does. Emulated for a page alone, pictures would lie on
    CSS pixels instead of the screen's.
    """

    def __init__(self, playwright: Playwright, program: str) -> None:
        self._playwright, self._program = playwright, program
        self._started: dict[float, Browser] = {}

    def get(self, scale: float) -> Browser:
        if scale not in self._started:
            arguments = [*ARGUMENTS, f"--force-device-scale-factor={scale}"]
            self._started[scale] = self._playwright.chromium.launch(executable_path=self._program, args=arguments)
        return self._started[scale]


@pytest.fixture(scope="package")
def browsers() -> Iterator[Browsers]:
    """Chromium without a window.

    It ends with this folder's tests: while it runs, its event loop stands in the way of other tests' own.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"there is no {' or '.join(NAMES)} (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        yield Browsers(playwright, program)


@pytest.fixture
def open_page(browsers: Browsers) -> Iterator[Open]:
    """Opens a page's file as by double-click, or an address; an error of its scripts fails the test."""
    errors: list[str] = []
    contexts = []

    def open_(file: Path | str, scale: float = 1.0) -> Page:
        context = browsers.get(scale).new_context(no_viewport=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
        page.goto(file.as_uri() if isinstance(file, Path) else file)
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


def wait_until(page: Page, expression: str, given: object = None) -> None:
    """Wait until a script's expression is true.

    Playwright's own waiting evaluates a string within the page, which the page's Content Security Policy forbids; that
    shows only where the expression is not true at once.
    """
    until = time.monotonic() + SECONDS_FOR_THE_PAGE
    while not page.evaluate(expression, given):
        assert time.monotonic() < until, f"not within {SECONDS_FOR_THE_PAGE:.0f} s: {expression}"
        page.wait_for_timeout(20)


@pytest.fixture(scope="session")
def finished(sice: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of four steps, with checkpoints of the steps 2 and 4; read only."""
    folder = tmp_path_factory.mktemp("finished")
    done = run_apart(folder, *tiny(sice, *GRID))
    assert done.returncode == 0, done.stderr
    return folder / "grid" / "today"


@pytest.fixture
def sweep(finished: Path, tmp_path: Path) -> Path:
    """A copy of one's own."""
    return Path(shutil.copytree(finished, tmp_path / "grid" / "today"))
