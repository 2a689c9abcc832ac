from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import exif_block, pixels, round_trip
from tests.images.formats.test_xmp import PACKET
from tests.images.test_decode import wide_profile
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_within
from zero_dce.images.formats import read_photograph
from zero_dce.images.formats.bmff import first_box, make_box, read_boxes
from zero_dce.images.formats.jp2 import EXIF_UUID, XMP_UUID, decibels_of
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE


def encode(values: np.ndarray, bits: int = 8, **options: object) -> bytes:
    given = {"reversible": True, "codecformat": "JP2", "bitspersample": bits, **options}
    return bytes(imagecodecs.jpeg2k_encode(values, **given))


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_number_of_a_lossless_file_stays(bits: int, channels: int, tmp_path: Path) -> None:
    shape = (48, 64) if channels == 1 else (48, 64, channels)
    values = (pixels(shape, "uint16") >> (16 - bits)).astype(np.uint8 if bits == 8 else np.uint16)
    (tmp_path / "a.jp2").write_bytes(encode(values, bits))
    picture, written = round_trip(tmp_path / "a.jp2")
    assert (picture.format, picture.notices) == ("JPEG 2000", [])
    assert np.array_equal(imagecodecs.jpeg2k_decode(written.read_bytes()), values)
    with Image.open(written) as new:
        assert new.size == (64, 48)
    size = first_box(read_boxes(first_box(read_boxes(written.read_bytes()), b"jp2h") or b""), b"ihdr")
    assert size is not None
    assert size[10] == bits - 1


def test_a_lossy_file_stays_lossy(tmp_path: Path) -> None:
    values = pixels((96, 128, 3))
    (tmp_path / "a.jp2").write_bytes(encode(values, level=45, reversible=False))
    (tmp_path / "b.j2k").write_bytes(encode(values, level=45, reversible=False, codecformat="J2K"))
    for name in ("a.jp2", "b.j2k"):
        _, written = round_trip(tmp_path / name, quality=75)
        error = imagecodecs.jpeg2k_decode(written.read_bytes()).astype(float) - values
        assert 40 < 10 * np.log10(255**2 / (error**2).mean()) < 47
        assert written.read_bytes()[:4] == (tmp_path / name).read_bytes()[:4]
    assert (decibels_of(75), decibels_of(95)) == (45, 49)


def test_metadata_and_colours_stay(tmp_path: Path) -> None:
    values = pixels((48, 64, 3))
    content = encode(values)
    plain = make_box(b"colr", b"\1\0\0\0\0\0\x10")
    resolution = make_box(b"res ", make_box(b"resc", bytes(10)))
    header = content[content.index(b"jp2h") - 4 : content.index(b"jp2c") - 4]
    new_header = make_box(
        b"jp2h", header[8:].replace(plain, make_box(b"colr", b"\2\0\0" + wide_profile()) + resolution)
    )
    boxes = (
        make_box(b"uuid", EXIF_UUID, exif_block()) + make_box(b"uuid", XMP_UUID, PACKET) + make_box(b"xml ", b"<a/>")
    )
    (tmp_path / "a.jp2").write_bytes(content.replace(header, new_header + boxes))
    picture, written = round_trip(tmp_path / "a.jp2")
    assert picture.notices == [GAIN_MAP_NOTICE]
    assert picture.kept.orientation == 6
    assert picture.kept.upright().orientation == 1
    assert picture.space is not None
    found = read_boxes(written.read_bytes())
    assert [box.kind for box in found] == [b"jP  ", b"ftyp", b"jp2h", b"uuid", b"uuid", b"xml ", b"jp2c"]
    assert b"A camera" in found[3].content
    assert b"hdrgm" not in found[4].content
    inner = read_boxes(found[2].content)
    assert first_box(inner, b"colr") == b"\2\0\0" + wide_profile()
    assert first_box(inner, b"res ") is not None
    with Image.open(written) as new:
        assert np.array_equal(np.asarray(new), values)
    # Training sees what enhancing does: upright, and in sRGB.
    view = picture.view()
    shown = view.read((0, 0, view.width, view.height)) / 257
    assert np.abs(decode_within(tmp_path / "a.jp2", 64) - shown).max() <= 1


def test_colours_that_are_not_read(tmp_path: Path) -> None:
    content = encode(pixels((48, 64, 3)))
    (tmp_path / "a.jp2").write_bytes(content.replace(b"colr\1\0\0\0\0\0\x10", b"colr\1\0\0\0\0\0\x12"))
    with pytest.raises(ImageReadError, match="its colours are of kind 18; those read are sRGB, grey"):
        read_photograph(tmp_path / "a.jp2")


def test_cmyk_by_its_profile_is_not_read(tmp_path: Path) -> None:
    """Four channels of which the profile alone says that the last is ink, and not alpha."""
    content = encode(pixels((48, 64, 4)))
    header = content[content.index(b"jp2h") - 4 : content.index(b"jp2c") - 4]
    boxes = [box for box in read_boxes(header[8:]) if box.kind == b"ihdr"]
    profile = wide_profile()[:16] + b"CMYK" + wide_profile()[20:]
    new_header = make_box(b"jp2h", make_box(*boxes[0]), make_box(b"colr", b"\2\0\0" + profile))
    (tmp_path / "a.jp2").write_bytes(content.replace(header, new_header))
    with pytest.raises(ImageReadError, match="its colour profile is of CMYK: convert it to RGB first"):
        read_photograph(tmp_path / "a.jp2")
