from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.networks import make_weights
from tests.helpers.pictures import make_picture
from zero_dce.networks import make_network, save_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_weights(make_network(make_weights()), file, 0)
    return file


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures that can be read, one of them stored sideways, and one that is cut short."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a camera", 6
    make_picture(1, 0.2).save(folder / "a.png")
    make_picture(2, 0.2).save(folder / "trip" / "b.jpg", exif=exif)
    make_picture(3, 0.2).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:400])
    return Path("photos")
