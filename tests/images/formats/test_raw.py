from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.helpers.raw import add_exif, write_dng
from zero_dce.images import ImageReadError
from zero_dce.images.colour import srgb_profile
from zero_dce.images.decode import decode_within
from zero_dce.images.formats import read_photograph, save_photograph

# Linear light of three fields, and what it is in the 255ths of sRGB, by the formula of IEC 61966-2-1: 0.5 becomes
# 187.5, 0.4 is 169.4, 0.1 is 89.1, and 0.02 is 38.6.
LIGHT = np.array([(0.5, 0.5, 0.5), (0.4, 0.1, 0.02), (0.02, 0.1, 0.4)])
SEEN = np.array([(187.5, 187.5, 187.5), (169.4, 89.1, 38.6), (38.6, 89.1, 169.4)])


def fields(width: int = 96, height: int = 64) -> np.ndarray:
    return np.broadcast_to(np.repeat(LIGHT, width // 3, axis=0), (height, width, 3))


@pytest.mark.parametrize("neutral", [(1.0, 1.0, 1.0), (0.5, 1.0, 0.7), (0.8, 1.0, 0.3)])
def test_colours_are_those_of_the_scene_at_the_cameras_white_balance(
    neutral: tuple[float, float, float], tmp_path: Path
) -> None:
    write_dng(tmp_path / "a.dng", fields(), neutral)
    picture = read_photograph(tmp_path / "a.dng")
    assert (picture.format, picture.width, picture.height, picture.notices) == ("RAW", 96, 64, [])
    assert picture.canvas.dtype == np.uint16
    found = np.array([picture.canvas.read((at, 32, at + 1, 33))[0, 0] for at in (16, 48, 80)]) / 257
    assert np.abs(found - SEEN).max() < 0.3
    # Training sees the same.
    assert np.abs(decode_within(tmp_path / "a.dng", 96)[32, [16, 48, 80]] - SEEN).max() <= 1


def test_a_dark_picture_stays_dark(tmp_path: Path) -> None:
    """Enhancing is to brighten it, and not LibRaw."""
    write_dng(tmp_path / "a.dng", fields() / 50, (0.5, 1, 0.7))
    # 0.01 becomes 25.5 of 255.
    assert abs(read_photograph(tmp_path / "a.dng").canvas.read((16, 32, 17, 33))[0, 0, 1] / 257 - 25.5) < 0.5


def test_a_turned_picture_is_upright(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", fields(), (0.5, 1, 0.7), orientation=6)
    picture = read_photograph(tmp_path / "a.dng")
    assert (picture.width, picture.height, picture.kept.orientation) == (64, 96, 1)
    # What was at the left is at the top.
    assert np.abs(picture.canvas.read((32, 48, 33, 49))[0, 0] / 257 - SEEN[1]).max() < 0.3


def test_the_result_is_a_tiff_or_a_jpeg_with_exif(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", fields(), (0.5, 1, 0.7), orientation=6)
    add_exif(tmp_path / "a.dng")
    picture = read_photograph(tmp_path / "a.dng")
    save_photograph(picture, picture.canvas, tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        assert page.bitspersample == 16
        assert (page.tags[271].value, page.tags[274].value) == ("A camera", 1)
        assert page.tags[34665].value["ExposureTime"] == (1, 8)
        assert page.tags[34675].value == srgb_profile()
        assert np.array_equal(page.asarray(), picture.canvas.read((0, 0, 64, 96)))
        assert not {33421, 33422, 50706, 50721} & {tag.code for tag in page.tags}, "nothing of the sensor"
    save_photograph(picture, picture.canvas, tmp_path / "a.jpg", quality=98)
    with Image.open(tmp_path / "a.jpg") as file:
        exif = file.getexif()
        assert (exif[271], exif[274]) == ("A camera", 1)
        assert exif.get_ifd(34665)[33434] == 0.125
        assert file.info["icc_profile"] == srgb_profile()
        assert np.abs(np.asarray(file)[[16, 48, 80], 32] - SEEN).max() < 3


def test_names_and_contents_must_agree(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.tif", fields(), (0.5, 1, 0.7))
    with pytest.raises(ImageReadError, match=r"a raw file, which is read by its suffix, such as \.dng"):
        read_photograph(tmp_path / "a.tif")
    Image.new("RGB", (8, 8)).save(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").rename(tmp_path / "b.nef")
    with pytest.raises(ImageReadError, match=r"a JPEG file, and no raw one: name it \.jpg"):
        read_photograph(tmp_path / "b.nef")
    (tmp_path / "c.jpg").write_bytes(b"FUJIFILMCCD-RAW 0201")
    with pytest.raises(ImageReadError, match="a raw file: name it as its camera does"):
        read_photograph(tmp_path / "c.jpg")


def test_what_is_no_raw_file(tmp_path: Path) -> None:
    (tmp_path / "a.cr2").write_bytes(b"II*\0" + bytes(1000))
    with pytest.raises(ImageReadError, match=r"cannot read .*a\.cr2 as an image: LibRaw cannot develop it: "):
        read_photograph(tmp_path / "a.cr2")


def test_too_large_a_picture_is_not_developed(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", fields(), (0.5, 1, 0.7))
    with pytest.raises(ImageReadError, match=r"96 x 64 pixels, 0\.0 megapixels: more than the limit of 0\.005"):
        read_photograph(tmp_path / "a.dng", max_megapixels=0.005)


def test_without_rawpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dng(tmp_path / "a.dng", fields(), (0.5, 1, 0.7))
    monkeypatch.setattr("zero_dce.images.suffixes.find_spec", lambda name: None)
    with pytest.raises(ImageReadError, match=r"RAW needs rawpy: pip install 'zero-dce-lightning\[raw\]'"):
        read_photograph(tmp_path / "a.dng")
