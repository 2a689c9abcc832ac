from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.helpers.photographs import pixels, round_trip

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
