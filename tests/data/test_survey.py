from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from tests.helpers.pictures import make_picture
from zero_dce.data.dataset import Fit
from zero_dce.data.survey import SurveyError, look_up, survey


def examine(root: Path, *paths: str, threads: int = 2) -> list[tuple[str | None, list[str]]]:
    records = survey(root, [look_up(root, path) for path in paths], Fit(16).read, threads)
    assert [record.path for record in records] == [*paths]
    return [(record.bad, record.notices) for record in records]


def test_sizes_and_brightness(tmp_path: Path) -> None:
    make_picture(0, 0.5, 40, 24).save(tmp_path / "a.png")
    (record,) = survey(tmp_path, [look_up(tmp_path, "a.png")], Fit(16).read, 1)
    assert (record.width, record.height) == (40, 24)
    assert record.brightness == pytest.approx(0.5, abs=0.1)


def test_the_same_bytes_are_noticed(tmp_path: Path) -> None:
    for name, seed in (("a.png", 0), ("b.png", 1), ("c.png", 0)):
        make_picture(seed, 0.5).save(tmp_path / name, compress_level=0)
    sizes = {(tmp_path / name).stat().st_size for name in ("a.png", "b.png", "c.png")}
    assert len(sizes) == 1, "equal sizes alone are no evidence"
    assert examine(tmp_path, "a.png", "b.png", "c.png") == [
        (None, []),
        (None, []),
        (None, ["the same bytes as a.png"]),
    ]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    assert examine(tmp_path, "nowhere.png", "folder.png") == [
        ("No such file or directory", []),
        ("no regular file", []),
    ]


def test_several_are_read_at_a_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        make_picture(0, 0.5).save(tmp_path / name)
    together = threading.Barrier(2, timeout=20)

    def read(path: Path) -> object:
        together.wait()
        return Fit(16).read(path)

    survey(tmp_path, [look_up(tmp_path, name) for name in ("a.png", "b.png")], read, threads=2)  # type: ignore[arg-type]


def test_an_error_of_the_keeper_stops_all(tmp_path: Path) -> None:
    make_picture(0, 0.5).save(tmp_path / "a.png")
    kept = []

    def keep(path: str, decoded: object) -> None:
        kept.append(path)
        raise OSError("full")

    files = [look_up(tmp_path, "a.png")] * 200
    with pytest.raises(OSError, match="full"):
        survey(tmp_path, files, Fit(16).read, 1, keep)
    assert len(kept) < 200


def test_a_failing_disk_is_no_property_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_picture(0, 0.5).save(tmp_path / "a.png")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("zero_dce.images.decode.Image.open", fail)
    with pytest.raises(SurveyError, match=r"a\.png.*Input/output error.*try again"):
        examine(tmp_path, "a.png")
