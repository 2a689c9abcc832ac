from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.helpers.photographs import pixels, round_trip
from tests.images.test_decode import wide_profile
from zero_dce.images.canvas import ArrayCanvas
from zero_dce.images.formats import read_photograph
from zero_dce.images.formats.depth import fill_depth
from zero_dce.images.formats.tiff import TiffKept
from zero_dce.images.ifd import ByteLayout, read_directory, read_header

SHAPES = {"L": (45, 67), "LA": (45, 67, 2), "RGB": (45, 67, 3), "RGBA": (45, 67, 4)}
PHOTOMETRIC = {"L": "minisblack", "LA": "minisblack", "RGB": "rgb", "RGBA": "rgb"}
EXTRA = {"LA": ["unassalpha"], "RGBA": ["unassalpha"]}
PLAIN = {"metadata": None, "software": False}


def write(file: Path, values: np.ndarray, mode: str, **options: object) -> None:
    options = {"photometric": PHOTOMETRIC[mode], "extrasamples": EXTRA.get(mode), "planarconfig": "contig", **options}
    tifffile.imwrite(file, values, **PLAIN, **options)


def tag(file: Path, number: int) -> object:
    with tifffile.TiffFile(file) as tiff:
        return tiff.pages.first.tags.valueof(number)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("mode", SHAPES)
def test_pixels_stay_exactly(mode: str, dtype: str, order: str, tmp_path: Path) -> None:
    values = pixels(SHAPES[mode], dtype)
    write(tmp_path / "a.tif", values, mode, byteorder=order)
    picture, written = round_trip(tmp_path / "a.tif")
    assert (picture.format, picture.width, picture.height, picture.notices) == ("TIFF", 67, 45, [])
    assert picture.canvas.dtype == dtype
    with tifffile.TiffFile(written) as new:
        page = new.pages.first
        assert new.byteorder == order
        assert (page.compression, page.predictor, page.photometric) == (8, 2, 2 if "RGB" in mode else 1)
        assert page.extrasamples == ((2,) if "A" in mode else ())
        assert np.array_equal(page.asarray(), values)
    if dtype == "uint8":
        with Image.open(written) as new:
            assert np.array_equal(np.asarray(new), values), "libtiff reads the same"


WAYS = {
    "lzw": {"compression": "lzw"},
    "lzw, predictor": {"compression": "lzw", "predictor": 2},
    "deflate": {"compression": "zlib", "rowsperstrip": 7},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
    "tiles": {"tile": (16, 32)},
    "tiles, lzw": {"tile": (32, 16), "compression": "lzw", "predictor": 2},
    "planes": {"planarconfig": "separate"},
    "planes, deflate": {"planarconfig": "separate", "compression": "zlib", "rowsperstrip": 10},
    "planes, tiles": {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib"},
    "big": {"bigtiff": True},
    "big, deflate": {"bigtiff": True, "compression": "zlib", "byteorder": ">"},
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("way", WAYS)
def test_however_the_pixels_lie_in_the_file(way: str, mode: str, dtype: str, tmp_path: Path) -> None:
    values = pixels(SHAPES[mode], dtype)
    options = WAYS[way]
    separate = options.get("planarconfig") == "separate"
    write(tmp_path / "a.tif", np.moveaxis(values, 2, 0) if separate else values, mode, **options)
    _, written = round_trip(tmp_path / "a.tif")
    with tifffile.TiffFile(written) as new:
        assert new.is_bigtiff == options.get("bigtiff", False)
        assert np.array_equal(new.pages.first.asarray(), values)


@pytest.mark.parametrize("photometric", ["ycbcr", "rgb"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_jpeg_in_tiff(photometric: str, tile: tuple[int, int] | None, tmp_path: Path) -> None:
    values = pixels((48, 64, 3))
    tifffile.imwrite(
        tmp_path / "a.tif",
        values,
        photometric=photometric,
        tile=tile,
        compression="jpeg",
        compressionargs={"level": 95},
        **PLAIN,
    )
    _, written = round_trip(tmp_path / "a.tif")
    new = tifffile.imread(written)
    with Image.open(tmp_path / "a.tif") as old:
        assert np.abs(new.astype(int) - np.asarray(old.convert("RGB"))).max() <= 3
    assert (tag(written, 259), tag(written, 262)) == (8, 2), "losses do not add up"


def test_of_several_pages_the_first_is_taken(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for seed in range(3):
            tiff.write(pixels((45, 67, 3), seed=seed), photometric="rgb", **PLAIN)
    picture, written = round_trip(tmp_path / "a.tif")
    assert picture.notices == ["3 pages: the first is taken"]
    assert np.array_equal(tifffile.imread(written), pixels((45, 67, 3)))
    with tifffile.TiffFile(written) as new:
        assert len(new.pages) == 1


def test_colours_multiplied_by_alpha_and_further_channels_are_kept(tmp_path: Path) -> None:
    values = pixels((45, 67, 6), "uint16")
    write(tmp_path / "a.tif", values, "RGB", extrasamples=["assocalpha", "unspecified", "unspecified"])
    picture, written = round_trip(tmp_path / "a.tif")
    assert np.array_equal(picture.alpha, values[..., 3])
    assert np.array_equal(tifffile.imread(written), values)
    assert tag(written, 338) == (1, 0, 0)


def test_large_pictures_get_64_bit_offsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.images.formats.tiff.LARGEST_CLASSIC_TIFF", 1000)
    write(tmp_path / "a.tif", pixels((45, 67, 3)), "RGB", description="a text")
    _, written = round_trip(tmp_path / "a.tif")
    with tifffile.TiffFile(written) as new:
        assert new.is_bigtiff
        assert new.pages.first.description == "a text"
        assert np.array_equal(new.pages.first.asarray(), pixels((45, 67, 3)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode", SHAPES)
def test_floats_stay_floats(mode: str, order: str, dtype: str, tmp_path: Path) -> None:
    # What float32 holds: the network computes with no more.
    values = (pixels(SHAPES[mode], "uint16") / 65535).astype("f2" if dtype == "float16" else "f4").astype(dtype)
    write(tmp_path / "a.tif", values, mode, byteorder=order)
    picture, written = round_trip(tmp_path / "a.tif")
    assert (picture.canvas.dtype, picture.notices) == (np.float32, [])
    with tifffile.TiffFile(written) as new:
        again = new.pages.first.asarray()
        assert (again.dtype, new.byteorder) == (dtype, order)
        # Grey is read and written through the luma of RGB, which rounds.
        assert np.allclose(again, values, rtol=3e-7, atol=0)
        assert mode in ("L", "LA") or np.array_equal(again, values)


def test_floats_beyond_white_are_told(tmp_path: Path) -> None:
    values = np.full((10, 10, 3), 0.5, np.float32)
    values[0, 0], values[1, 1] = 4.0, np.nan
    write(tmp_path / "a.tif", values, "RGB", compression="zlib", predictor=3)
    picture, written = round_trip(tmp_path / "a.tif")
    assert picture.notices == [
        "2 % of its floating-point numbers are not in [0, 1]: those above are taken as 1, white, all others as 0, black"
    ]
    again = tifffile.imread(written)
    assert (again[0, 0].tolist(), again[1, 1].tolist(), again[2, 2].tolist()) == ([1] * 3, [0] * 3, [0.5] * 3)


def test_floats_with_a_profile_and_alpha_are_seen_as_16_bits(tmp_path: Path) -> None:
    values = (pixels((20, 30, 4)) / 255).astype(np.float32)
    # Greys, which every space has.
    values[..., :3] = values[..., :1] * values[..., 3:]
    profile = (34675, 7, len(wide_profile()), wide_profile(), True)
    write(tmp_path / "a.tif", values, "RGBA", extrasamples=["assocalpha"], extratags=[profile])
    picture = read_photograph(tmp_path / "a.tif")
    view, copy = picture.view(), picture.view().blank()
    box = (0, 0, 30, 20)
    assert view.dtype == np.uint16
    copy.write(box, view.read(box))
    assert np.abs(copy.stored.pixels - values).max() < 0.0002


@pytest.mark.parametrize("width", [64, 67])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_12_bits_stay_12_bits(order: str, channels: int, width: int, tmp_path: Path) -> None:
    shape = (45, width) if channels == 1 else (45, width, channels)
    values = pixels(shape, "uint16") >> 4
    mode = "L" if channels == 1 else "RGB"
    packed = TiffKept(ByteLayout(order), (), bits=12)
    with (tmp_path / "a.tif").open("wb") as stream:
        packed.write(ArrayCanvas(fill_depth(values, 12)), stream, 95)
    # Another program's reader unpacks them.
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages.first.bitspersample == 12
        assert np.array_equal(file.pages.first.asarray(), values)
    picture, written = round_trip(tmp_path / "a.tif")
    assert (picture.canvas.dtype, mode, picture.notices) == (np.uint16, mode, [])
    assert np.array_equal(tifffile.imread(written), values)


def test_12_bits_by_hand() -> None:
    """Three numbers, 0x123, 0x456 and 0x789, and half a byte that completes the row."""
    numbers = fill_depth(np.array([[0x123, 0x456, 0x789]], np.uint16), 12)
    stream = io.BytesIO()
    TiffKept(ByteLayout("<"), (), bits=12).write(ArrayCanvas(numbers), stream, 95)
    content = zlib.decompressobj().decompress(stream.getvalue()[8:])
    assert content.hex() == "1234567890"


def test_pages_that_overlap_are_not_read_again_and_again(tmp_path: Path) -> None:
    """Units of 12 bytes: each starts a directory of as many entries, and ends the one that started so many before."""
    count, file = 300, tmp_path / "a.tif"
    tifffile.imwrite(file, pixels((8, 8, 3)), photometric="rgb", metadata=None)
    content = bytearray(file.read_bytes())
    content += bytes(len(content) % 2)
    base = len(content)
    page = read_directory(io.BytesIO(content), *read_header(io.BytesIO(content)))
    content[page.next_place : page.next_place + 4] = struct.pack("<I", base)
    for unit in range(2 * count):
        content += struct.pack("<HI6x", count, base + 12 * max(0, unit - count + 1))
    file.write_bytes(content)
    # The file has fewer bytes than three of these directories.
    assert read_photograph(file).notices == ["4 pages: the first is taken"]
