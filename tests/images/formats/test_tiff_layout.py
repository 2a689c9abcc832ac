from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.endurance.bombs.parts import plain
from tests.endurance.bombs.tiff import tiff_grey, tiff_strips, tiff_tiles
from tests.helpers.photographs import pixels
from tests.images.formats.test_tiff import PLAIN, write
from zero_dce.images import ImageReadError
from zero_dce.images.formats import read_photograph


@pytest.mark.parametrize("dtype", ["uint32", "int16", "int8"])
def test_other_kinds_of_numbers_are_refused(dtype: str, tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.ones((4, 4, 3), dtype), "RGB")
    expected = "32 bits a channel" if dtype == "uint32" else "range is not known: 8 or 16 bits, or floats"
    with pytest.raises(ImageReadError, match=rf"a\.tif as an image: .*{expected}"):
        read_photograph(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bitspersample": 10}, "10 bits a channel; of BLACK_IS_ZERO are read"),
        ({"subfiletype": 1}, "or one that starts with a small preview: export it to a plain TIFF"),
        ({"extratags": [(50706, 1, 4, b"\1\4\0\0", True)]}, "a raw file"),
        ({"photometric": "cfa"}, "colours are of kind 32803"),
        ({"compression": "jpegxl"}, "compression is of number 50002"),
    ],
)
def test_what_is_no_plain_photograph_is_refused(options: dict[str, object], reason: str, tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.ones((16, 16), np.uint16), "L", **options)
    with pytest.raises(ImageReadError, match=reason):
        read_photograph(tmp_path / "a.tif")


def test_a_jpeg_inside_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    """Decoding would take as much memory as the inner header says."""
    tifffile.imwrite(tmp_path / "a.tif", pixels((48, 64, 3)), photometric="ycbcr", compression="jpeg", **PLAIN)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 65000, 65000)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageReadError, match="holds 65000 x 65000 pixels instead of 64 x 48"):
        read_photograph(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["strip tags", "surplus"])
def test_tiles_that_are_listed_oddly(kind: str, tmp_path: Path) -> None:
    """Some programs list tiles in the tags of strips, others list more than there are."""
    values = pixels((32, 48, 3))
    write(tmp_path / "a.tif", values, "RGB", tile=(16, 16))
    content = bytearray((tmp_path / "a.tif").read_bytes())
    for tiles, strips in ((324, 273), (325, 279)):
        for type_ in (3, 4):
            entry = struct.pack("<HHI", tiles, type_, 6)
            if entry in content and kind == "strip tags":
                at = content.index(entry)
                content[at : at + 2] = strips.to_bytes(2, "little")
    if kind == "surplus":
        # One row of tiles less is needed.
        at = content.index(struct.pack("<HH", 257, 3)) if struct.pack("<HH", 257, 3) in content else -1
        at = at if at >= 0 else content.index(struct.pack("<HH", 257, 4))
        content[at + 8 : at + 10] = (16).to_bytes(2, "little")
        values = values[:16]
    (tmp_path / "a.tif").write_bytes(content)
    picture = read_photograph(tmp_path / "a.tif")
    assert np.array_equal(picture.canvas.read((0, 0, 48, len(values))), values)


def test_a_million_tiny_strips_or_tiles(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    for content, size in ((tiff_tiles(), "1 x 1"), (tiff_strips(), "1 x 1")):
        file.write_bytes(content)
        with pytest.raises(ImageReadError, match=f"it has 1000000 strips or tiles of {size} pixels: it is damaged"):
            read_photograph(file)


def test_jpeg_strips_that_overlap(tmp_path: Path) -> None:
    """Each would be looked at to its end."""
    file, jpeg = tmp_path / "a.tif", plain("JPEG", 16, "L")
    starts, lengths = range(8, 8 + 40), [len(jpeg)] * 40
    content = tiff_grey(40, 7, {273: (4, starts), 278: (3, [1]), 279: (4, lengths)}, jpeg + bytes(40))
    file.write_bytes(content)
    with pytest.raises(ImageReadError, match="its strips or tiles overlap"):
        read_photograph(file)
