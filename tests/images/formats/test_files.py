from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.data.test_report import ISOLATED
from tests.helpers.paths import ROOT
from tests.helpers.photographs import copy_through, exif_block, pixels, round_trip
from tests.images.formats.test_png import SIGNATURE, chunk
from zero_dce.images import ImageReadError
from zero_dce.images.canvas import ArrayCanvas
from zero_dce.images.formats import read_photograph, save_photograph

SUFFIXES = ["jpg", "png", "tif", "webp", "bmp"]


def save(file: Path, values: np.ndarray) -> None:
    options = {"webp": {"lossless": True}, "jpg": {"quality": 95}}
    Image.fromarray(values).save(file, **options.get(file.suffix[1:], {}))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [(1, 1), (1, 3), (20000, 1), (1, 20000)])
def test_extreme_sizes(size: tuple[int, int], suffix: str, tmp_path: Path) -> None:
    if suffix == "webp" and max(size) > 16383:
        pytest.skip("no WebP is longer than 16383 pixels")
    values = pixels((*size[::-1], 3))
    save(tmp_path / f"a.{suffix}", values)
    picture, written = round_trip(tmp_path / f"a.{suffix}")
    assert (picture.width, picture.height) == size
    with Image.open(written) as new:
        assert new.size == size
        if suffix != "jpg":
            assert np.array_equal(np.asarray(new.convert("RGB")), values)


@pytest.mark.parametrize("size", [(1, 1), (20000, 1), (1, 20000)])
@pytest.mark.parametrize("channels", [(), (4,)])
def test_extreme_sizes_of_16_bits(size: tuple[int, int], channels: tuple[int, ...], tmp_path: Path) -> None:
    values = pixels((*size[::-1], *channels), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb" if channels else "minisblack", metadata=None)
    assert np.array_equal(tifffile.imread(round_trip(tmp_path / "a.tif")[1]), values)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_content_decides_and_not_the_name(suffix: str, tmp_path: Path) -> None:
    save(tmp_path / f"a.{suffix}", pixels((20, 30, 3)))
    wrong = (tmp_path / f"a.{suffix}").rename(tmp_path / "a.gif")
    picture, written = round_trip(wrong)
    format_ = {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
    assert (picture.format, picture.notices) == (format_, [f"a {format_} file named .gif"])
    with Image.open(written) as new:
        assert new.format == format_


def test_suffixes_of_any_case_and_none(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", pixels((20, 30, 3)))
    for name, notices in (("a.JPG", []), ("b.Jpeg", []), ("photo", ["a JPEG file named photo"])):
        (tmp_path / name).write_bytes((tmp_path / "a.jpg").read_bytes())
        assert read_photograph(tmp_path / name).notices == notices


@pytest.mark.parametrize("kind", ["text", "empty", "gif", "missing", "folder"])
def test_what_is_no_photograph_is_named(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.jpg"
    reason = "not a file of JPEG, PNG, TIFF, WEBP, BMP, AVIF, JPEG XL, JPEG 2000, HEIC, RAW"
    if kind == "folder":
        file.mkdir()
        reason = "Is a directory"
    elif kind == "gif":
        Image.new("L", (4, 4)).save(file, "GIF")
    elif kind != "missing":
        file.write_bytes({"text": b"hello, this is no picture", "empty": b""}[kind])
    reason = {"empty": "an empty file", "missing": "No such file or directory"}.get(kind, reason)
    with pytest.raises(ImageReadError) as caught:
        read_photograph(file)
    assert str(caught.value) == f"cannot read {file} as an image: {reason}"
    assert caught.value.reason == reason


def png_of(width: int, height: int, depth: int) -> bytes:
    """A header alone, of a picture as large as it says."""
    header = chunk(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + bytes((depth, 2, 0, 0, 0)))
    return SIGNATURE + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bombs(folder: Path) -> list[Path]:
    """Small files whose headers say that they are 30000 x 30000."""
    side = 30000
    (folder / "a.png").write_bytes(png_of(side, side, 8))
    (folder / "b.png").write_bytes(png_of(side, side, 16))
    for name in ("c.jpg", "d.bmp", "e.webp", "f.webp"):
        Image.new("RGB", (16, 16)).save(folder / name, lossless=name == "f.webp")
    changes = {"c.jpg": (b"\xff\xc0", 5, ">", 2), "d.bmp": (b"BM", 18, "<", 4)}
    for name, (marker, offset, order, size) in changes.items():
        content = bytearray((folder / name).read_bytes())
        at = content.index(marker) + offset
        content[at : at + 2 * size] = side.to_bytes(size, "big" if order == ">" else "little") * 2
        (folder / name).write_bytes(content)
    for name in ("e.webp", "f.webp"):
        content = (folder / name).read_bytes()
        start = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + (side - 1).to_bytes(3, "little") * 2
        (folder / name).write_bytes(
            content[:4] + (len(content) + 10).to_bytes(4, "little") + b"WEBP" + start + content[12:]
        )
    tifffile.imwrite(folder / "g.tif", np.zeros((16, 16, 3), np.uint16), photometric="rgb", metadata=None)
    content = bytearray((folder / "g.tif").read_bytes())
    for number in (256, 257):
        at = content.index(number.to_bytes(2, "little") + b"\4\0\1\0\0\0") + 8
        content[at : at + 4] = side.to_bytes(4, "little")
    (folder / "g.tif").write_bytes(content)
    return sorted(folder.iterdir())


def test_bombs_are_refused_by_their_headers(tmp_path: Path) -> None:
    files = bombs(tmp_path)
    assert len(files) == 7
    for file in files:
        with pytest.raises(ImageReadError) as caught:
            read_photograph(file)
        limit = "30000 x 30000 pixels, 900.0 megapixels: more than the limit"
        claim = f"its header claims 30000 x 30000 pixels, but its {file.stat().st_size} bytes hold at most"
        # The WebP frames are small, and only the canvases around them are large; a TIFF's size is looked at first.
        assert (claim if file.suffix in (".png", ".jpg", ".bmp") else limit) in str(caught.value)


def test_pillows_own_limit_neither_warns_nor_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for suffix in SUFFIXES:
        save(tmp_path / f"a.{suffix}", pixels((100, 100, 3)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for suffix in SUFFIXES:
        assert read_photograph(tmp_path / f"a.{suffix}").notices == []
    assert Image.MAX_IMAGE_PIXELS == 1000
    for suffix in SUFFIXES:
        with pytest.raises(ImageReadError, match=r"100 x 100 pixels, 0\.0 megapixels: more than the limit of 0\.009"):
            read_photograph(tmp_path / f"a.{suffix}", max_megapixels=0.009)


def test_a_canvas_of_another_kind_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", pixels((20, 30, 3)))
    picture = read_photograph(tmp_path / "a.png")
    with pytest.raises(TypeError, match=r"a canvas like that of .*a\.png is needed"):
        save_photograph(picture, ArrayCanvas(pixels((20, 30, 3))), tmp_path / "b.png")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_a_failure_while_writing_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.tif", pixels((20, 30, 3)))
    picture = read_photograph(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"an earlier one")
    monkeypatch.setattr("zero_dce.images.formats.tiff.write_directory", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_photograph(picture, picture.canvas, tmp_path / "b.tif")
    assert (tmp_path / "b.tif").read_bytes() == b"an earlier one"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tif", "b.tif"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    save(tmp_path / "a.png", pixels((20, 30, 3)))
    picture = read_photograph(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match=r"cannot write .*gone/a\.png: No such file or directory"):
        save_photograph(picture, picture.canvas, tmp_path / "gone" / "a.png")


def test_no_permission(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read and write everywhere")
    save(tmp_path / "a.png", pixels((20, 30, 3)))
    picture = read_photograph(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(ImageReadError, match=r"cannot read .*a\.png as an image: Permission denied"):
        read_photograph(tmp_path / "a.png")
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(PermissionError, match=r"cannot write .*closed/a\.png: Permission denied"):
        save_photograph(picture, picture.canvas, tmp_path / "closed" / "a.png")


# Each picture is read, and written to a file system with room for a part of it.
FILL = """
import json, sys
from pathlib import Path
from zero_dce.images.formats import read_photograph, save_photograph

folder, small = Path(sys.argv[1]), Path(sys.argv[2])
found = {}
for file in sorted(folder.iterdir()):
    (small / file.name).write_bytes(b"an earlier one")
    picture = read_photograph(file)
    try:
        save_photograph(picture, picture.canvas, small / file.name)
    except OSError as error:
        found[file.name] = [error.errno, str(error), sorted(file.name for file in small.iterdir())]
    (small / file.name).unlink()
print(json.dumps(found))
"""


def test_a_full_disk(tmp_path: Path) -> None:
    small, folder = tmp_path / "small", tmp_path / "pictures"
    small.mkdir()
    folder.mkdir()
    if subprocess.run([*ISOLATED, 'mount -t tmpfs tmpfs "$0"', small], capture_output=True, check=False).returncode:
        pytest.skip("this system does not allow a small file system for a test")
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    for suffix in SUFFIXES:
        save(folder / f"a.{suffix}", noise)
    tifffile.imwrite(folder / "b.tif", noise.astype(np.uint16) * 257, photometric="rgb", metadata=None)
    Image.fromarray(noise).save(folder / "c.jpg", progressive=True)
    command = [*ISOLATED, 'mount -t tmpfs -o size=40k tmpfs "$0" && "$@"', str(small), sys.executable, "-c", FILL]
    done = subprocess.run([*command, str(folder), str(small)], capture_output=True, text=True, check=True, cwd=ROOT)
    found = json.loads(done.stdout)
    assert sorted(found) == sorted(file.name for file in folder.iterdir())
    for name, (number, message, left) in found.items():
        assert number == errno.ENOSPC, message
        assert f"cannot write {small / name}: No space left on device" in message
        assert left == [name], "the earlier file alone"


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_orientation_comes_from_the_exif(suffix: str, tmp_path: Path) -> None:
    block = b"Exif\0\0" + exif_block(orientation=8)
    exif = Image.Exif()
    exif.load(block)
    Image.fromarray(pixels((20, 30, 3))).save(tmp_path / f"a.{suffix}", exif=exif if suffix == "tif" else block)
    picture, written = round_trip(tmp_path / f"a.{suffix}")
    assert picture.kept.orientation == 8
    assert (picture.width, picture.height) == (30, 20), "as stored"
    with Image.open(written) as new:
        assert new.getexif()[274] == 8


def test_importing_is_quick() -> None:
    heavy = ["torch", "lightning", "hydra", "wandb", "tifffile", "imagecodecs", "scipy"]
    code = f"import sys, zero_dce.images.formats; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


def test_copies_through_tiles_of_any_size_are_the_same(tmp_path: Path) -> None:
    save(tmp_path / "a.png", pixels((50, 70, 4)))
    picture = read_photograph(tmp_path / "a.png")
    for side in (7, 33, 100):
        save_photograph(picture, copy_through(picture, side), tmp_path / f"{side}.png")
    assert len({(tmp_path / f"{side}.png").read_bytes() for side in (7, 33, 100)}) == 1
