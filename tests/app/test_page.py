"""What a person sees and does on the page, in a real browser."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.conftest import OpenUrl, save_photograph_of
from tests.helpers.app_server import AppServer, free_port
from tests.helpers.enhancing import enhance, psnr

pytestmark = [pytest.mark.chromium, pytest.mark.slow]
WAIT = 60_000.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, two_weights: list[Path]) -> Iterator[AppServer]:
    weights = [str(file) for file in two_weights]
    command = ["-m", "zero_dce.app", "--port", str(free_port()), "--max-megapixels", "2", "--weights", *weights]
    started = AppServer(tmp_path_factory.mktemp("server"), command)
    yield started
    spoken_to, code = started.spoken_to(), started.stop()
    assert spoken_to == set()
    assert code == 130


def drop(page: Page, *files: Path) -> None:
    page.locator("#drop input[type=file]").set_input_files([str(file) for file in files])


def told(page: Page) -> str:
    """What the page says about the photograph, once it says something."""
    page.locator("#told p").wait_for(timeout=WAIT)
    return page.locator("#told").inner_text()


def shown(page: Page, place: int) -> np.ndarray:
    """The pixels of the picture before (0) or after (1)."""
    source = page.locator("#pictures img").nth(place).get_attribute("src")
    assert source is not None
    with Image.open(io.BytesIO(page.request.get(source).body())) as image:
        return np.asarray(image.convert("RGB"))


def after(page: Page) -> str:
    return str(page.locator("#pictures img").nth(1).get_attribute("src", timeout=WAIT))


def wait_for_another(page: Page, before: str) -> None:
    expect(page.locator("#pictures img").nth(1)).not_to_have_attribute("src", before, timeout=WAIT)


def download(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download(timeout=WAIT) as started:
        page.locator(button).click()
    file = folder / started.value.suggested_filename
    started.value.save_as(file)
    return file


def test_from_the_photograph_to_the_result(
    server: AppServer,
    open_url: OpenUrl,
    photograph: Path,
    two_weights: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    page = open_url(server.url)
    drop(page, photograph)
    assert told(page).startswith("900 × 1,280 pixels (1.2 megapixels)")
    first = after(page)
    page.locator("#strength input[type=range]").focus()
    page.keyboard.press("ArrowLeft")
    wait_for_another(page, first)
    options = ("--mode", "fast", "--strength", "0.95")
    assert enhance(two_weights[0], str(photograph), *options) == 0
    result = tmp_path / "out" / "night.jpg"
    assert download(page, "#save", tmp_path).read_bytes() == result.read_bytes()
    assert (tmp_path / "night_enhanced.jpg").is_file()
    for place, file in enumerate((photograph, result)):
        with Image.open(file) as image:
            upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270))
        assert shown(page, place).shape == upright.shape
        assert psnr(shown(page, place), upright) > 40, "the preview is a JPEG"


def test_another_checkpoint(
    server: AppServer,
    open_url: OpenUrl,
    photograph: Path,
    two_weights: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    page = open_url(server.url)
    drop(page, photograph)
    told(page)
    first = after(page)
    page.locator("#weights input").click()
    page.get_by_role("option", name="second.safetensors").click()
    wait_for_another(page, first)
    second = after(page)
    page.locator("#exposure").get_by_text("Off").click()
    wait_for_another(page, second)
    expect(page.locator("#denoise input[type=number]")).to_have_value("0")
    assert enhance(two_weights[1], str(photograph), "--mode", "fast", "--exposure", "off") == 0
    assert download(page, "#save", tmp_path).read_bytes() == (tmp_path / "out" / "night.jpg").read_bytes()


def test_several_of_which_some_are_wrong(server: AppServer, open_url: OpenUrl, tmp_path: Path) -> None:
    picture = tmp_path / "Nacht über München.png"
    Image.new("RGB", (40, 30), (20, 24, 30)).save(picture)
    (tmp_path / "notes.txt").write_text("no picture")
    cut = save_photograph_of(2, tmp_path / "cut.jpg", (300, 200))
    cut.write_bytes(cut.read_bytes()[:3000])
    Image.new("L", (2000, 1500)).save(tmp_path / "large.png")
    page = open_url(server.url)
    drop(page, tmp_path / "notes.txt", cut, tmp_path / "large.png", picture)
    assert told(page).startswith("cannot read notes.txt as an image: not a file of JPEG, PNG, ")
    expect(page.locator("#save")).to_be_disabled()
    expect(page.locator("#pictures")).to_be_hidden()
    page.locator("#photograph input").click()
    page.get_by_role("option", name="large.png").click()
    expect(page.locator("#told")).to_contain_text("more than the limit of 2", timeout=WAIT)
    page.locator("#photograph input").click()
    page.get_by_role("option", name=picture.name).click()
    expect(page.locator("#told")).to_contain_text("40 × 30 pixels", timeout=WAIT)
    with zipfile.ZipFile(download(page, "#save_all", tmp_path)) as archive:
        assert archive.namelist() == ["Nacht über München_enhanced.png"]
        with Image.open(io.BytesIO(archive.read(archive.namelist()[0]))) as image:
            assert (image.format, image.size) == ("PNG", (40, 30))
    alerts = page.locator("#told [role=alert]")
    expect(alerts).to_have_count(3)
    assert [text.split(" as an image")[0] for text in alerts.all_inner_texts()] == [
        "cannot read notes.txt",
        "cannot read cut.jpg",
        "cannot read large.png",
    ]


def test_two_visitors_at_once(
    server: AppServer, open_url: OpenUrl, two_weights: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pages, files = [], []
    for seed in (3, 4):
        # The same name, and other contents.
        (tmp_path / str(seed)).mkdir()
        files.append(save_photograph_of(seed, tmp_path / str(seed) / "photo.jpg"))
        pages.append(open_url(server.url))
    for page, file in zip(pages, files, strict=True):
        drop(page, file)
    for page in pages:
        told(page)
    firsts = [after(page) for page in pages]
    for page, keys in zip(pages, ("ArrowLeft", "Home"), strict=True):
        page.locator("#strength input[type=range]").focus()
        page.keyboard.press(keys)
    for page, first, file, strength in zip(pages, firsts, files, ("0.95", "0"), strict=True):
        wait_for_another(page, first)
        options = ("--mode", "fast", "--strength", strength)
        assert enhance(two_weights[0], str(file), *options, output=f"out{strength}") == 0
        expected = (tmp_path / f"out{strength}" / "photo.jpg").read_bytes()
        assert download(page, "#save", tmp_path).read_bytes() == expected


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (390, 844)])
def test_the_picture_is_the_largest_thing(
    server: AppServer, open_url: OpenUrl, photograph: Path, width: int, height: int
) -> None:
    page = open_url(server.url, width, height)
    drop(page, photograph)
    told(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing reaches beyond the window"
    boxes = {name: page.locator(f"#{name}").bounding_box() for name in ("drop", "pictures", "controls")}
    areas = {name: box["width"] * box["height"] for name, box in boxes.items() if box}
    assert areas["pictures"] > 2 * areas["drop"]
    picture = page.locator("#pictures img").first.bounding_box()
    assert picture is not None
    assert picture["height"] > 0.4 * height
    assert picture["y"] + picture["height"] <= height, "all of it can be seen at once"
