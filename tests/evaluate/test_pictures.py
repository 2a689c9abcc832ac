from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.helpers.evaluating import refused, run
from tests.helpers.pictures import make_picture
from zero_dce.evaluate import pictures


def test_unmatched_pictures_are_named(weights: Path, folders: tuple[Path, Path]) -> None:
    low, high = folders
    make_picture(9, 0.2).save(low / "alone.png")
    assert "among them alone.png" in refused("--weights", weights, "--low", low, "--high", high)
    (low / "alone.png").unlink()
    make_picture(9, 0.2).save(high / "extra.png")
    assert "among them extra.png" in refused("--weights", weights, "--low", low, "--high", high)
    make_picture(9, 0.2).save(high / "extra.bmp")
    message = refused("--weights", weights, "--low", low, "--high", high)
    assert "extra.bmp" in message
    assert "extra.png" in message


def test_sizes_that_differ(weights: Path, folders: tuple[Path, Path]) -> None:
    low, high = folders
    make_picture(0, 0.4, 61, 48).save(high / "0.bmp")
    message = refused("--weights", weights, "--low", low, "--high", high)
    assert "is 60 x 48 pixels and its reference" in message
    assert "61 x 48" in message


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
    pairs = pictures.match_folders(*folders)
    before = pictures.fingerprint_pairs(pairs)
    assert before == pictures.fingerprint_pairs(pictures.match_folders(*folders))
    assert before != pictures.fingerprint_pairs(pairs[1:])
    with (folders[1] / "0.bmp").open("ab") as file:
        file.write(b"more")
    assert before != pictures.fingerprint_pairs(pairs)
