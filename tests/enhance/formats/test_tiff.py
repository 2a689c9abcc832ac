from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

from tests.enhance.formats.test_photoshop import CAPTION, PREVIEW
from tests.helpers.photographs import pixels, round_trip
from tests.images.test_decode import wide_profile
from zero_dce.enhance.formats import read_photograph
from zero_dce.images.decode import ImageReadError

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


def test_of_several_pages_the_first_is_taken(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for seed in range(3):
            tiff.write(pixels((45, 67, 3), seed=seed), photometric="rgb", **PLAIN)
    picture, written = round_trip(tmp_path / "a.tif")
    assert picture.notices == ["3 pages: the first is taken"]
    assert np.array_equal(tifffile.imread(written), pixels((45, 67, 3)))
    with tifffile.TiffFile(written) as new:
        assert len(new.pages) == 1


def test_colours_multiplied_by_alpha_are_noticed_and_further_channels_kept(tmp_path: Path) -> None:
    values = pixels((45, 67, 6), "uint16")
    write(tmp_path / "a.tif", values, "RGB", extrasamples=["assocalpha", "unspecified", "unspecified"])
    picture, written = round_trip(tmp_path / "a.tif")
    assert picture.notices == ["colours are multiplied by alpha: they are enhanced as they are stored"]
    assert np.array_equal(tifffile.imread(written), values)
    assert tag(written, 338) == (1, 0, 0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint32", "int16", "int8"])
def test_other_kinds_of_numbers_are_refused(dtype: str, tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.ones((4, 4, 3), dtype), "RGB")
    expected = "32 bits a channel" if dtype == "uint32" else "range is not known: 8 or 16 bits"
    with pytest.raises(ImageReadError, match=rf"a\.tif as an image: .*{expected}"):
        read_photograph(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bitspersample": 12}, "12 bits a channel; of BLACK_IS_ZERO are read"),
        ({"subfiletype": 1}, "a raw file, or one that starts with a small preview"),
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


def test_large_pictures_get_64_bit_offsets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.enhance.formats.tiff.LARGEST_CLASSIC_TIFF", 1000)
    write(tmp_path / "a.tif", pixels((45, 67, 3)), "RGB", description="a text")
    _, written = round_trip(tmp_path / "a.tif")
    with tifffile.TiffFile(written) as new:
        assert new.is_bigtiff
        assert new.pages.first.description == "a text"
        assert np.array_equal(new.pages.first.asarray(), pixels((45, 67, 3)))
