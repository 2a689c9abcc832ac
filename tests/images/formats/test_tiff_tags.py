from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, TiffImagePlugin

from tests.helpers.photographs import pixels, round_trip
from tests.images.formats.test_photoshop import CAPTION, PREVIEW
from tests.images.formats.test_tiff import tag, write
from tests.images.test_decode import wide_profile


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tags_are_kept_byte_for_byte(dtype: str, order: str, tmp_path: Path) -> None:
    extra = [
        (271, 2, 0, "A camera", True),
        (274, 3, 1, 6, True),
        (306, 2, 0, "2024:05:01 22:10:00", True),
        (315, 2, 0, "somebody", True),
        (700, 1, 12, b"<x:xmpmeta/>", True),
        (33723, 7, 9, b"\x1c\x02\x78\0\4iptc", True),
        (34675, 7, len(wide_profile()), wide_profile(), True),
        (34377, 1, len(CAPTION + PREVIEW), CAPTION + PREVIEW, True),
        (37724, 7, 5, b"layer", True),
        (33550, 12, 3, (0.5, 0.5, 0.0), True),
        (330, 13, 1, 8, True),
    ]
    values = pixels((45, 67, 3), dtype)
    write(
        tmp_path / "a.tif",
        values,
        "RGB",
        byteorder=order,
        description="a text",
        resolution=(300, 150),
        resolutionunit="CENTIMETER",
        extratags=extra,
    )
    picture, written = round_trip(tmp_path / "a.tif")
    assert picture.notices == ["Photoshop layers: left out, the flattened picture is taken"]
    assert picture.kept.orientation == 6
    for number in (270, 271, 274, 282, 283, 296, 306, 315, 700, 33550, 33723, 34675):
        assert tag(written, number) == tag(tmp_path / "a.tif", number), number
        assert tag(written, number) is not None
    assert tag(written, 34377) == CAPTION
    assert (tag(written, 37724), tag(written, 330)) == (None, None)
    assert round_trip(written)[1].read_bytes() == written.read_bytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_and_gps_are_kept(order: str, tmp_path: Path) -> None:
    prefix = b"II" if order == "<" else b"MM"
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "A camera"
    exif.get_ifd(ExifTags.IFD.Exif).update({33434: (1, 8), 36867: "2024:05:01 22:10:00", 37500: bytes(range(200))})
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 0.0)})
    exif.get_ifd(ExifTags.IFD.Exif)[40965] = {1: "R98"}
    exif.endian = order
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=prefix)
    directory.update(exif)
    for number in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        directory[number] = dict(exif.get_ifd(number))
    Image.fromarray(pixels((45, 67, 3))).save(tmp_path / "a.tif", tiffinfo=directory)
    _, written = round_trip(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as old, Image.open(written) as new:
        for number in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop):
            before, after = (dict(file.getexif().get_ifd(number)) for file in (old, new))
            assert before
            assert after == {**before, **({40965: after[40965]} if 40965 in before else {})}, "a pointer may change"
        assert new.getexif().get_ifd(ExifTags.IFD.Exif)[37500] == bytes(range(200))
        assert new.getexif().get_ifd(ExifTags.IFD.GPSInfo)[2] == (52.0, 30.0, 0.0)


def test_damaged_tags_are_left_out_with_a_notice(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", pixels((45, 67, 3)), "RGB", extratags=[(700, 1, 12, b"<x:xmpmeta/>", True)])
    content = (tmp_path / "a.tif").read_bytes()
    entry = struct.pack("<HHI", 700, 1, 12)
    at = content.index(entry) + 8
    (tmp_path / "a.tif").write_bytes(content[:at] + struct.pack("<I", 10**9) + content[at + 4 :])
    picture, written = round_trip(tmp_path / "a.tif")
    assert picture.notices == ["tag 700 is left out: the value of its tag 700 lies outside the file"]
    assert tag(written, 700) is None
    assert np.array_equal(tifffile.imread(written), pixels((45, 67, 3)))
