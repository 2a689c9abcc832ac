from __future__ import annotations

import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.helpers.photographs import exif_block, pixels, round_trip
from tests.images.formats.test_cicp import P3_SEEN
from tests.images.test_decode import wide_profile
from zero_dce.images.colour import srgb_profile
from zero_dce.images.decode import decode_within
from zero_dce.images.formats import read_photograph
from zero_dce.images.formats.bmff_items import read_container


@pytest.mark.parametrize("orientation", range(1, 9))
def test_metadata_and_orientation_stay(orientation: int, tmp_path: Path) -> None:
    block = b"Exif\0\0" + exif_block(orientation=orientation, with_thumbnail=False)
    file = tmp_path / "a.avif"
    options = {"exif": block, "xmp": b"<x/>", "icc_profile": wide_profile(), "quality": 95, "subsampling": "4:4:4"}
    Image.fromarray(pixels((48, 64, 3))).save(file, **options)
    picture, written = round_trip(file)
    assert (picture.format, picture.kept.orientation, picture.notices) == ("AVIF", orientation, [])
    with Image.open(file) as old, Image.open(written) as new:
        assert {**old.info, "exif": old.getexif().tobytes()} == {**new.info, "exif": new.getexif().tobytes()}
        assert new.info["icc_profile"] == wide_profile()
        assert np.abs(np.asarray(old).astype(int) - np.asarray(new)).mean() < 4
        upright = np.asarray(ImageOps.exif_transpose(new.convert("RGB")))
    assert picture.view().width == upright.shape[1]


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_depth_and_channels_stay(bits: int, channels: int, tmp_path: Path) -> None:
    shape = (48, 64) if channels == 1 else (48, 64, channels)
    values = (pixels(shape, "uint16") >> (16 - bits)).astype(np.uint8 if bits == 8 else np.uint16)
    (tmp_path / "a.avif").write_bytes(imagecodecs.avif_encode(values, level=100, bitspersample=bits, speed=8))
    picture, written = round_trip(tmp_path / "a.avif", quality=100)
    assert picture.canvas.dtype == (np.uint8 if bits == 8 else np.uint16)
    again = imagecodecs.avif_decode(written.read_bytes())
    assert again.shape == values.shape
    # The conversion to and from YCbCr rounds twice.
    assert np.abs(again.astype(int) - values).max() <= 4
    assert again.max() < 2**bits
    codec = read_container(written.read_bytes()).find(b"av1C")
    assert codec is not None
    assert {0: 8, 0x40: 10, 0x60: 12}[codec[2] & 0x60] == bits


def test_colours_by_numbers_are_converted_and_kept(tmp_path: Path) -> None:
    """P3: its numbers for a colour are not those of sRGB, here by the matrices of both."""
    values = np.full((48, 64, 3), (180, 100, 60), np.uint8)
    encoded = imagecodecs.avif_encode(values, level=100, primaries=12, transfer=13, matrix=6, speed=8)
    (tmp_path / "a.avif").write_bytes(encoded)
    picture, written = round_trip(tmp_path / "a.avif", quality=100)
    shown = picture.view().read((0, 0, 1, 1))[0, 0] / 257
    assert np.abs(shown - P3_SEEN).max() < 2
    assert np.abs(decode_within(tmp_path / "a.avif", 8)[0, 0] - shown).max() <= 1
    assert b"nclx\0\x0c\0\x0d\0\x06" in written.read_bytes()
    assert np.abs(imagecodecs.avif_decode(written.read_bytes()).astype(int) - values).max() <= 3


def test_hdr_is_said(tmp_path: Path) -> None:
    values = pixels((48, 64, 3), "uint16") >> 6
    encoded = imagecodecs.avif_encode(values, bitspersample=10, primaries=9, transfer=16, matrix=9, speed=8)
    (tmp_path / "a.avif").write_bytes(encoded)
    picture, written = round_trip(tmp_path / "a.avif")
    assert picture.notices == ["PQ (HDR): light above its reference white, 203 cd/m2, becomes white"]
    assert b"nclx\0\x09\0\x10\0\x09" in written.read_bytes()


def test_a_profile_without_a_way_back_becomes_srgb(tmp_path: Path) -> None:
    Image.fromarray(pixels((48, 64, 3))).save(tmp_path / "a.avif", icc_profile=wide_profile())
    kept = read_photograph(tmp_path / "a.avif").kept.as_srgb()
    stream = io.BytesIO()
    kept.write(read_photograph(tmp_path / "a.avif").canvas, stream, 90)
    with Image.open(stream) as new:
        assert new.info["icc_profile"] == srgb_profile()


def test_an_avif_may_begin_as_any_heif_does(tmp_path: Path) -> None:
    content = bytes(imagecodecs.avif_encode(pixels((48, 64, 3)), level=90, speed=8))
    (length, kind) = content[:4], content[4:16]
    assert kind[:8] == b"ftypavif"
    assert b"avif" in content[16 : int.from_bytes(length)], "among those it is compatible with"
    (tmp_path / "a.avif").write_bytes(length + b"ftypmif1" + content[12:])
    assert round_trip(tmp_path / "a.avif")[0].format == "AVIF"


@pytest.mark.parametrize("bits", [8, 10])
def test_colours_that_the_code_alone_gives(bits: int, tmp_path: Path) -> None:
    values = (pixels((48, 64, 3), "uint16") >> (16 - bits)).astype(np.uint8 if bits == 8 else np.uint16)
    options = {"level": 90, "speed": 8, "bitspersample": bits, "matrix": 6}
    for name, primaries in (("a.avif", 12), ("b.avif", 1)):
        content = bytes(imagecodecs.avif_encode(values, primaries=primaries, transfer=13, **options))
        assert content.count(b"colrnclx") == 1
        (tmp_path / name).write_bytes(content.replace(b"colrnclx", b"freenclx"))
    wide, written = round_trip(tmp_path / "a.avif")
    assert wide.space is not None
    assert wide.notices == []
    assert b"nclx\0\x0c\0\x0d\0\x06" in written.read_bytes()
    plain = read_photograph(tmp_path / "b.avif")
    assert (plain.space, plain.notices) == (None, [])


def test_colours_that_cannot_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(imagecodecs.avif_encode(pixels((48, 64, 3)), level=90, speed=8))
    (tmp_path / "a.avif").write_bytes(content.replace(b"colrnclx", b"freenclx"))
    monkeypatch.setattr("zero_dce.images.formats.avif.av1_colours", lambda code: None)
    picture, written = round_trip(tmp_path / "a.avif")
    assert picture.notices == ["what its colours mean cannot be read: taken as sRGB"]
    assert read_photograph(written).notices == []


def test_only_the_main_picture_of_a_sequence_goes_to_the_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """imagecodecs writes all frames into the memory of the one that it is asked for, beyond its end."""
    frames = [Image.fromarray(np.full((16, 16, 3), shade, np.uint8)) for shade in (40, 90, 200)]
    frames[0].save(tmp_path / "a.avif", save_all=True, append_images=frames[1:], quality=90)
    decode = imagecodecs.avif_decode
    given: list[bytes] = []
    monkeypatch.setattr(imagecodecs, "avif_decode", lambda file, **_: decode(given.append(file) or file))
    picture, written = round_trip(tmp_path / "a.avif")
    assert decode(given[0]).shape == (16, 16, 3), "without an index all frames that there are"
    assert len(given[0]) == (tmp_path / "a.avif").stat().st_size
    assert np.abs(picture.canvas.read((0, 0, 16, 16)).astype(int) - 40).max() <= 3
    assert picture.notices == ["a sequence of pictures: the first is taken"]
    with Image.open(written) as new:
        assert getattr(new, "n_frames", 1) == 1


def test_exif_that_decoders_refuse_is_left_out(tmp_path: Path) -> None:
    """Where nothing says that it is about the main picture, decoders pass over it; in what is written it would be."""
    file = tmp_path / "a.avif"
    Image.fromarray(pixels((48, 64, 3))).save(file, exif=b"Exif\0\0" + exif_block(with_thumbnail=False))
    content = file.read_bytes()
    file.write_bytes(content.replace(b"cdsc", b"free").replace(b"II*\0", b"II#\0"))
    picture, written = round_trip(file)
    assert picture.notices == ["EXIF is damaged and left out"]
    with Image.open(written) as new:
        # Pillow makes a block of the orientation, which the container has.
        assert b"A camera" not in new.info["exif"]
