from __future__ import annotations

import errno
import json
import math
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.helpers.evaluating import refused, run, run_partly
from tests.helpers.pictures import make_picture
from zero_dce.evaluate import pictures
from zero_dce.evaluate.pairing import match_folders
from zero_dce.images.decode import Decoded, Resize, decode


def spoil_with_text(file: Path) -> None:
    file.write_bytes(b"no picture")


def spoil_by_cutting(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


def spoil_by_emptying(file: Path) -> None:
    file.write_bytes(b"")


def spoil_by_a_broken_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def spoil_the_header(file: Path) -> None:
    """A header that claims 10 gigapixels."""
    Image.new("RGB", (1, 1)).save(file, "BMP")
    content = bytearray(file.read_bytes())
    content[18:26] = struct.pack("<ii", 100_000, 100_000)
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_with_text, "not an image"),
        (spoil_by_cutting, "1.* as an image"),
        (spoil_by_emptying, "an empty file"),
        (spoil_by_a_broken_link, "No such file"),
        (spoil_the_header, "a decompression bomb"),
        (lambda file: make_picture(0, 0.4, 41, 52).save(file), "is 4. x 52 pixels and its reference .* 4. x 52: they"),
    ],
)
@pytest.mark.parametrize("side", [0, 1])
def test_a_bad_file_leaves_its_pair_out(
    spoil: Callable[[Path], None],
    reason: str,
    side: int,
    folders: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For every later pass, too."""
    spoil(folders[side] / ("1.png", "1.bmp")[side])
    found = match_folders(*folders)
    pictures.check_sizes(found.pairs, None)
    for _ in range(2):
        assert [pair.name for pair, _, _ in found.read(None, 16, "reading")] == ["0.png", "2.png"]
    (left_out,) = found.left_out
    assert (left_out.image, left_out.reference) == ("1.png", "1.bmp")
    assert re.search(reason, left_out.reason)
    assert str(folders[side]) in left_out.reason
    assert [line for line in capsys.readouterr().err.splitlines() if line] == [f"left out: 1.png: {left_out.reason}"]


@pytest.mark.slow
def test_all_methods_are_measured_on_the_same_pictures(
    capsys: pytest.CaptureFixture[str], weights: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """The values are those that a measurement of the good pictures alone has."""
    low, high = folders
    spoil_with_text(high / "1.bmp")
    whole, fewer = tmp_path / "whole.json", tmp_path / "fewer.json"
    printed, messages = run_partly(capsys, "--weights", weights, "--low", low, "--high", high, "--json", whole)
    assert "2 pictures with references" in printed
    assert "1 more are left out of all rows" in printed
    record = json.loads(whole.read_text())
    (left_out,) = record["left_out"]
    named_when_read, named_at_the_end = [line for line in messages.splitlines() if line.startswith("left out: ")]
    assert named_when_read == named_at_the_end == f"left out: 1.png: {left_out['reason']}"
    assert (left_out["image"], left_out["reference"]) == ("1.png", "1.bmp")
    (low / "1.png").unlink()
    (high / "1.bmp").unlink()
    run(capsys, "--weights", weights, "--low", low, "--high", high, "--json", fewer)
    alone = json.loads(fewer.read_text())
    assert alone["left_out"] == []
    for name in ("rows", "pictures", "data_fingerprint"):
        assert record[name] == alone[name]


def test_a_picture_too_small_for_the_measures_is_left_out(
    capsys: pytest.CaptureFixture[str], weights: Path, tmp_path: Path
) -> None:
    """SSIM needs 11 pixels, PIQE 16."""
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture(0, 0.2, 16, 16).save(folder / "a.png")
    make_picture(1, 0.2, 30, 15).save(folder / "b.png")
    _, messages = run_partly(capsys, "--weights", weights, "--images", folder, "--json", tmp_path / "o.json")
    assert f"left out: b.png: {folder / 'b.png'} is 30 x 15 pixels: the measures need at least 16 a side" in messages
    (row, *_) = json.loads((tmp_path / "o.json").read_text())["rows"]
    assert row["means"]["piqe"]["pictures"] == row["means"]["brightness"]["pictures"] == 1


def test_a_picture_too_large_for_the_memory_is_left_out(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:

    def fail(path: Path, resize: Resize) -> Decoded:
        if path.name == "2.png":
            raise MemoryError(f"{path} does not fit in memory while it is decoded")
        return decode(path, resize)

    monkeypatch.setattr(pictures, "decode", fail)
    found = pictures.find_images(folders[0])
    assert len(list(found.read(None, 16, "reading"))) == 2
    assert [picture.image for picture in found.left_out] == ["2.png"]


def test_where_nothing_can_be_measured(weights: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    low, high = folders
    for file in low.iterdir():
        spoil_with_text(file)
    for options in (["--images", low], ["--low", low, "--high", high]):
        message = refused("--weights", weights, *options, "--json", tmp_path / "o.json")
        assert message.startswith("none of the 3 pictures can be measured; the first is 0.png: cannot read")
    assert not (tmp_path / "o.json").exists()


def test_a_folder_that_cannot_be_listed(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pictures would be missing in silence."""
    (folders[0] / "locked").mkdir()
    scan = os.scandir

    def refuse(path: str) -> Any:
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match="locked cannot be searched for pictures: folder: Permission denied"):
        pictures.find_images(folders[0])


def test_sets_without_references(tmp_path: Path) -> None:
    """DICM, LIME, MEF, NPE and VV are flat folders of several formats, with a system's files among them."""
    for name in ("10.bmp", "2.BMP", "P1.JPG", "a b (1).jpeg", "madison.png"):
        make_picture(0, 0.2).save(tmp_path / name)
    for name in ("Thumbs.db", ".DS_Store", "readme.txt"):
        (tmp_path / name).write_bytes(b"x")
    found = pictures.find_images(tmp_path).pairs
    assert [pair.name for pair in found] == ["2.BMP", "10.bmp", "P1.JPG", "a b (1).jpeg", "madison.png"]
    assert all(pair.reference is None for pair in found)


def test_large_pictures_are_refused_with_a_way_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, weights: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 40_000)
    folder = tmp_path / "images"
    folder.mkdir()
    make_picture(0, 0.2, 400, 300).save(folder / "a.png")
    message = refused("--weights", weights, "--images", folder)
    assert "a.png has 400 x 300 pixels" in message
    longest = int(message.rpartition("--longest ")[2])
    assert longest == math.isqrt(40_000 * 400 // 300) // 100 * 100
    assert "1 pictures" in run(capsys, "--weights", weights, "--images", folder, "--longest", longest)


def test_the_hash_is_of_names_and_sizes(folders: tuple[Path, Path]) -> None:
    pairs = match_folders(*folders).pairs
    before = pictures.fingerprint_pairs(pairs)
    assert before == pictures.fingerprint_pairs(match_folders(*folders).pairs)
    assert before != pictures.fingerprint_pairs(pairs[1:])
    with (folders[1] / "0.bmp").open("ab") as file:
        file.write(b"more")
    assert before != pictures.fingerprint_pairs(pairs)


def test_an_exact_size_lies_as_the_picture_does(tmp_path: Path) -> None:
    """Landscape pictures get the width and height as given, upright ones the other way round."""
    for name, size in (("wide.png", (50, 20)), ("upright.png", (20, 50))):
        make_picture(0, 0.2, *size).save(tmp_path / name)
        pixels, _ = pictures.read_pair(pictures.Pair(name, tmp_path / name), (40, 30), 1)
        assert pixels.shape == ((30, 40, 3) if name == "wide.png" else (40, 30, 3))


def test_large_pictures_of_every_format_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 2000)).save(tmp_path / "a.jp2")
    with pytest.raises(ValueError, match="3000 x 2000 pixels: it is enhanced as a whole"):
        pictures.check_sizes([pictures.Pair("a", tmp_path / "a.jp2")], None)


def test_pictures_without_a_reader_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.jpg", "b.heic"):
        (tmp_path / name).touch()
    monkeypatch.setattr("zero_dce.images.suffixes.find_spec", lambda name: None)
    assert pictures.list_folder(tmp_path) == ["a.jpg"]
    assert "passed over 1 .heic: pip install 'zero-dce-lightning[heif]' reads them" in capsys.readouterr().err
