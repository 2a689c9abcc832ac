"""The documentation as a site: built without a warning, and loaded without anything from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from zero_dce.cli import COMMANDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a link or an anchor that leads nowhere fails it."""
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text(page: Path) -> str:
    reader = Text()
    reader.feed(page.read_text(encoding="utf-8"))
    return " ".join("".join(reader.parts).split())


def test_every_page_is_there(site: Path) -> None:
    for file in [*(ROOT / "docs").rglob("*.md"), *(ROOT / "sweeps").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]:
        name = file.relative_to(ROOT).with_suffix("")
        folder = name.parent if name.name in ("README", "index") else name
        assert (site / folder / "index.html").is_file(), file


def test_the_reference_is_what_docstrings_say(site: Path) -> None:
    method = text(site / "docs" / "reference" / "method" / "index.html")
    assert "Brighten or darken image by iterating a quadratic curve" in method
    assert "The enhanced image, shape B x 3 x H x W, range [0, 1]." in method
    assert ":func:" not in method


def test_commands_and_configuration_are_what_they_say(site: Path) -> None:
    commands = text(site / "docs" / "reference" / "commands" / "index.html")
    assert all(name in commands for name in COMMANDS)
    assert "--max-megapixels" in commands
    configuration = text(site / "docs" / "reference" / "configuration" / "index.html")
    assert "experiment/quick.yaml" in configuration


def test_notebooks_are_shown_with_their_pictures(site: Path) -> None:
    folder = site / "notebooks"
    assert "exp alone would choose r" in text(folder / "01_curves_and_losses" / "index.html")
    for page in folder.glob("*/index.html"):
        pictures = [*folder.glob(f"{page.parent.name}_*")]
        assert len(pictures) >= 4
        assert all(picture.name in page.read_text(encoding="utf-8") for picture in pictures)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 30
    loads = re.compile(r"<(?:script|img|iframe|source)[^>]* src=[\"']?(https?:)?//")
    assert [page for page in pages if loads.search(page.read_text(encoding="utf-8"))] == []
    styles = [*site.rglob("*.css")]
    assert styles
    assert [style for style in styles if re.search(r"url\([\"']?(https?:)?//", style.read_text(encoding="utf-8"))] == []
