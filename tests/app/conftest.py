"""Photographs and weights for the page, its server, and a browser that notes whom the page speaks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.helpers.networks import make_weights
from tests.helpers.pictures import smooth_picture
from tests.review.conftest import Browsers, browsers  # noqa: F401  # a fixture
from zero_dce.networks import make_network, save_weights

OpenUrl = Callable[..., Page]


def save_photograph_of(seed: int, file: Path, size: tuple[int, int] = (1280, 900)) -> Path:
    """A dark photograph, stored sideways, large enough for fast mode."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a camera", 6
    pixels = (smooth_picture(size[1], size[0], seed) * 90).astype(np.uint8)
    Image.fromarray(pixels).save(file, quality=95, exif=exif)
    return file


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photograph_of(1, tmp_path_factory.mktemp("photographs") / "night.jpg")


@pytest.fixture(scope="session")
def two_weights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two networks that differ."""
    folder = tmp_path_factory.mktemp("weights")
    files = [folder / "first.safetensors", folder / "second.safetensors"]
    for seed, file in enumerate(files):
        save_weights(make_network(make_weights(seed=seed)), file, 0)
    return files


@pytest.fixture
def open_url(browsers: Browsers) -> Iterator[OpenUrl]:  # noqa: F811
    """Opens a page; an error of its scripts, or a request to another machine than this, fails the test."""
    errors: list[str] = []
    hosts: set[str | None] = set()
    contexts = []

    def open_(url: str, width: int = 1400, height: int = 900) -> Page:
        context = browsers.get(1.0).new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: hosts.add(urlparse(request.url).hostname))
        page.goto(url)
        page.wait_for_selector("#strength")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []
    # Pictures in data: and blob: have no host.
    assert hosts - {None} == {"127.0.0.1"}
