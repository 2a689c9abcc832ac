from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from tests.helpers.photographs import exif_block, pixels, round_trip
from tests.images.formats.test_cicp import P3_SEEN
from tests.images.formats.test_xmp import PACKET
from tests.images.test_decode import wide_profile
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_within
from zero_dce.images.exif import orientation_of
from zero_dce.images.formats import read_photograph, save_photograph
from zero_dce.images.formats.files import result_suffix
from zero_dce.images.formats.heif import HeifKept
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE

P3 = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}


def write(file: Path, values: np.ndarray, bits: int = 8, **options: object) -> None:
    mode = {2: "L", 3: "RGB"}[values.ndim] if values.ndim == 2 or values.shape[2] == 3 else "RGBA"
    name = mode if bits == 8 else f"{mode};{bits}"
    stream = io.BytesIO()
    given = {"quality": 95, "chroma": 444, "bit_depth": bits, **options}
    pillow_heif.encode(name, values.shape[1::-1], values.tobytes(), stream, **given)
    file.write_bytes(stream.getvalue())


def opened(file: Path) -> pillow_heif.HeifFile:
    return pillow_heif.open_heif(file, convert_hdr_to_8bit=False, hdr_to_16bit=False)


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_depth_and_channels_stay(bits: int, channels: int, tmp_path: Path) -> None:
    shape = (48, 64) if channels == 1 else (48, 64, channels)
    values = (pixels(shape, "uint16") >> (16 - bits)).astype(np.uint8 if bits == 8 else np.uint16)
    write(tmp_path / "a.heic", values, bits)
    picture, written = round_trip(tmp_path / "a.heic")
    assert (picture.format, picture.notices) == ("HEIC", [])
    assert picture.canvas.dtype == (np.uint8 if bits == 8 else np.uint16)
    new = opened(written)
    assert (new.info["bit_depth"], new.info.get("chroma")) == (bits, None if channels == 1 else 444)
    assert np.asarray(new).shape == values.shape
    assert np.abs(np.asarray(new).astype(float) - values).mean() < 0.02 * 2**bits


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_are_upright(orientation: int, tmp_path: Path) -> None:
    block = exif_block(orientation=orientation)
    packet = PACKET.replace(b'Orientation="6"', b'Orientation="%d"' % orientation)
    # The encoder takes the orientation of the EXIF block over into the file.
    write(tmp_path / "a.heic", pixels((48, 64, 3)), exif=b"Exif\0\0" + block, xmp=packet, icc_profile=wide_profile())
    picture, written = round_trip(tmp_path / "a.heic")
    size = (48, 64) if orientation > 4 else (64, 48)
    assert (picture.width, picture.height, picture.kept.orientation) == (*size, 1)
    assert picture.notices == [GAIN_MAP_NOTICE]
    new = opened(written)
    assert new.size == size
    assert orientation_of(new.info["exif"].removeprefix(b"Exif\0\0")) == 1
    assert b"A camera" in new.info["exif"]
    assert b"hdrgm" not in new.info["xmp"]
    assert b'tiff:Orientation="1"' in new.info["xmp"]
    assert new.info["icc_profile"] == wide_profile()
    assert np.abs(np.asarray(new).astype(int) - np.asarray(opened(tmp_path / "a.heic"))).mean() < 5


def test_colours_by_numbers_are_converted_and_kept(tmp_path: Path) -> None:
    write(tmp_path / "a.heic", np.full((64, 64, 3), (180, 100, 60), np.uint8), **P3)
    picture, written = round_trip(tmp_path / "a.heic")
    shown = picture.view().read((0, 0, 1, 1))[0, 0] / 257
    assert np.abs(shown - P3_SEEN).max() < 3
    # Training sees the same.
    assert np.abs(decode_within(tmp_path / "a.heic", 8)[0, 0] - shown).max() <= 1
    nclx = opened(written).info["nclx_profile"]
    assert {name: nclx[name] for name in P3} == P3


def test_without_an_encoder_a_tiff_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.images.formats.heif.writes_heic", lambda: False)
    monkeypatch.setattr("zero_dce.images.formats.files.writes_heic", lambda: False)
    assert result_suffix(".HEIC") == ".tif"
    values = np.full((64, 64, 3), (180, 100, 60), np.uint8)
    write(tmp_path / "a.heic", values, exif=b"Exif\0\0" + exif_block(orientation=1), **P3)
    picture = read_photograph(tmp_path / "a.heic")
    assert picture.notices == ["this pillow-heif has no encoder of HEIC: written as a TIFF of 16 bits"]
    save_photograph(picture, picture.canvas, tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        page = file.pages.first
        assert page.tags[271].value == "A camera"
        assert page.tags[34665].value["ExposureTime"] == (1, 8)
        assert 34675 in page.tags
        # In sRGB, since its colours were given by numbers.
        assert np.abs(page.asarray()[0, 0] / 257 - P3_SEEN).max() < 3


def test_with_an_encoder_the_name_stays() -> None:
    assert result_suffix(".HEIC") == ".HEIC"


def test_without_pillow_heif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.heic", pixels((48, 64, 3)))
    monkeypatch.setattr("zero_dce.images.suffixes.find_spec", lambda name: None)
    message = r"cannot read .*a\.heic as an image: HEIC needs pillow_heif: pip install 'zero-dce-lightning\[heif\]'$"
    with pytest.raises(ImageReadError, match=message):
        read_photograph(tmp_path / "a.heic")
    with pytest.raises(ImageReadError, match=message):
        decode_within(tmp_path / "a.heic", 8)


def test_further_pictures_are_told(tmp_path: Path) -> None:
    images = [Image.fromarray(pixels((48, 64, 3), seed=seed)) for seed in range(2)]
    both = pillow_heif.from_pillow(images[0])
    both.add_from_pillow(images[1])
    both.save(tmp_path / "a.heic", quality=90)
    assert read_photograph(tmp_path / "a.heic").notices == ["2 pictures: the main one is taken"]


def test_damaged_exif_is_told_where_it_becomes_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.images.formats.heif.writes_heic", lambda: False)
    write(tmp_path / "a.heic", pixels((64, 64, 3)), exif=b"Exif\0\0II*\0\xff\xff\0\0")
    assert read_photograph(tmp_path / "a.heic").notices[1:] == [
        "EXIF cannot be read and is left out: its tags lie outside the file"
    ]


def test_numbers_of_colours_follow_the_profile(tmp_path: Path) -> None:
    write(tmp_path / "a.heic", pixels((64, 64, 3)), **{**P3, "transfer_characteristics": 16})
    kept = read_photograph(tmp_path / "a.heic").kept.as_srgb()
    assert isinstance(kept, HeifKept)
    assert kept.nclx == {**P3, "color_primaries": 1}
