from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.helpers.photographs import pixels, round_trip
from tests.images.formats.test_tiff import tag, write
from tests.images.test_decode import wide_profile


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_is_zero_becomes_black_is_zero(dtype: str, tmp_path: Path) -> None:
    values = pixels((45, 67), dtype)
    write(tmp_path / "a.tif", values, "L", photometric="miniswhite")
    _, written = round_trip(tmp_path / "a.tif")
    assert tag(written, 262) == 1
    assert np.array_equal(tifffile.imread(written), np.iinfo(dtype).max - values)


@pytest.mark.parametrize("compression", [None, "group4", "packbits"])
def test_single_bits_become_grey(compression: str | None, tmp_path: Path) -> None:
    image = Image.fromarray(pixels((45, 67))).convert("1")
    image.save(tmp_path / "a.tif", compression=compression)
    _, written = round_trip(tmp_path / "a.tif")
    assert np.array_equal(tifffile.imread(written), np.asarray(image.convert("L")))


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_become_8(bits: int, tmp_path: Path) -> None:
    values = (np.arange(15 * 16).reshape(15, 16) % 2**bits).astype(np.uint8)
    write(tmp_path / "a.tif", values, "L", bitspersample=bits)
    _, written = round_trip(tmp_path / "a.tif")
    assert np.array_equal(tifffile.imread(written), values * (255 // (2**bits - 1)))


def test_palettes_become_colours(tmp_path: Path) -> None:
    image = Image.fromarray(pixels((45, 67, 3))).quantize(200)
    image.save(tmp_path / "a.tif")
    _, written = round_trip(tmp_path / "a.tif")
    assert tag(written, 320) is None
    assert np.array_equal(tifffile.imread(written), np.asarray(image.convert("RGB")))


def test_cmyk_becomes_srgb(tmp_path: Path) -> None:
    image = Image.fromarray(pixels((45, 67, 3))).convert("CMYK")
    image.save(tmp_path / "a.tif", icc_profile=wide_profile())
    picture, written = round_trip(tmp_path / "a.tif")
    assert len(picture.notices) == 1
    assert picture.notices[0].startswith("CMYK: colour profile of no use")
    assert (tag(written, 34675), tag(written, 262)) == (None, 2)
    assert np.array_equal(tifffile.imread(written), np.asarray(image.convert("RGB")))


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    rgb = Image.new("RGB", (20, 10), (200, 90, 40))
    profile = ImageCms.createProfile("sRGB")
    lab = ImageCms.profileToProfile(rgb, profile, ImageCms.createProfile("LAB"), outputMode="LAB")
    lab.save(tmp_path / "a.tif")
    picture, written = round_trip(tmp_path / "a.tif")
    assert picture.notices[0].startswith("LAB: ")
    assert np.abs(tifffile.imread(written).astype(int) - (200, 90, 40)).max() <= 3


def test_palettes_of_one_bit_become_colours(tmp_path: Path) -> None:
    image = Image.fromarray(pixels((45, 67))).convert("1")
    image.save(tmp_path / "a.tif")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    kind = struct.pack("<HHI", 262, 3, 1)
    at = content.index(kind) + len(kind)
    # A palette instead of black and white: its tag, the last one, follows the others.
    content[at : at + 2] = (3).to_bytes(2, "little")
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    table = bytes(content[start + 2 : start + 2 + 12 * count])
    entries = [table[place : place + 12] for place in range(0, len(table), 12)]
    palette = np.array([[200, 10], [40, 120], [30, 250]], np.uint16)
    entries.append(struct.pack("<HHII", 320, 3, 6, len(content)))
    content += (palette * 257).astype("<u2").tobytes()
    content[4:8] = struct.pack("<I", len(content))
    content += struct.pack("<H", count + 1) + b"".join(sorted(entries, key=lambda entry: entry[:2][::-1])) + bytes(4)
    (tmp_path / "a.tif").write_bytes(content)
    _, written = round_trip(tmp_path / "a.tif")
    assert np.array_equal(tifffile.imread(written), palette.T.astype(np.uint8)[np.asarray(image).astype(int)])
