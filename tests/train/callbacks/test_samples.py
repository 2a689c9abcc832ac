from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.pictures import make_picture
from zero_dce.train.callbacks.samples import SamplePictures, curve_picture, spread


def candidates(scenes: int, frames: int) -> list[str]:
    """Sorted from dark to bright, frame by frame through all scenes."""
    return [f"{scene}/{frame}.JPG" for frame in range(frames) for scene in range(scenes)]


def test_spread_takes_darkest_brightest_and_different_scenes() -> None:
    pool = candidates(scenes=8, frames=5)
    picked = spread(pool, 8)
    assert picked[0] == pool[0]
    assert picked[-1].endswith("/4.JPG"), "the brightest frame of a scene that is still free"
    assert len({path.split("/")[0] for path in picked}) == 8
    frames = [int(path.split("/")[1][0]) for path in picked]
    assert frames == sorted(frames)
    assert set(frames) == {0, 1, 2, 3, 4}


def test_spread_with_few_scenes_and_few_pictures() -> None:
    assert len({*spread(candidates(2, 4), 6)}) == 6
    assert len(spread(candidates(1, 3), 8)) == 3


def test_own_photographs_are_taken_from_dark_to_bright(tmp_path: Path) -> None:
    for name, brightness in (("a.png", 0.7), ("b.png", 0.1), ("c.png", 0.4)):
        make_picture(0, brightness, 64, 32).save(tmp_path / name)
    callback = SamplePictures(str(tmp_path), 1, images=str(tmp_path), longest=32)
    chosen: Any = callback._choose(None)  # type: ignore[arg-type]
    assert [path for path, _ in chosen] == ["b.png", "c.png", "a.png"]
    assert chosen[0][1].shape == (16, 32, 3), "true proportions"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every_n_steps": 0}, "every_n_steps is 0"),
        ({"every_n_steps": 1, "count": 0}, r"callbacks\.samples\.count is 0"),
        ({"every_n_steps": 1, "longest": 0}, r"callbacks\.samples\.longest is 0"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        SamplePictures(str(tmp_path), **options)


def test_missing_folder_of_photographs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"night does not exist.*callbacks\.samples\.images"):
        SamplePictures(str(tmp_path), 1, images=str(tmp_path / "night"))


def test_curve_picture_shows_the_mean_with_the_papers_sign() -> None:
    maps = torch.zeros(24, 1, 3)
    # Red brightens in all iterations, green darkens in half of them, blue is left alone; r = -A.
    maps[0::3, 0, 0] = -1.0
    maps[1:12:3, 0, 1] = 1.0
    picture = curve_picture(maps)
    assert picture.shape == (1, 3, 3)
    assert picture[0].tolist() == [[255, 128, 128], [128, 64, 128], [128, 128, 128]]


def test_curve_picture_of_one_map_for_all_iterations() -> None:
    assert curve_picture(torch.full((3, 1, 1), -0.5)).tolist() == [[[191, 191, 191]]]


def test_own_photographs_without_a_reader_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.jpg", "b.heic"):
        (tmp_path / name).touch()
    monkeypatch.setattr("zero_dce.images.suffixes.find_spec", lambda name: None)
    assert SamplePictures(str(tmp_path), 1, images=str(tmp_path), longest=32).own == ["a.jpg"]
    assert "passed over 1 .heic: pip install 'zero-dce-lightning[heif]' reads them" in caplog.text
