from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers.pictures import make_picture, make_sice
from zero_dce.data.index import Frame, find_folder, find_sice, fingerprint


def test_sice_as_it_comes(sice: Path) -> None:
    entries = find_sice(sice).entries
    assert len(entries) == 20
    assert entries[0] == Frame("Dataset_Part1/1/1.JPG", "1")


def test_natural_order(tmp_path: Path) -> None:
    make_sice(tmp_path, scenes=11, frames=1)
    assert [entry.scene for entry in find_sice(tmp_path).entries] == [str(number) for number in range(1, 12)]


@pytest.mark.parametrize("inside", ["", "Dataset_Part1", "Dataset_Part1/Dataset_Part1"])
def test_doubled_folder_and_root_inside_it(inside: str, tmp_path: Path) -> None:
    make_sice(tmp_path / "Dataset_Part1", scenes=2, frames=2)
    entries = find_sice(tmp_path / inside).entries
    assert len(entries) == 4
    assert all((tmp_path / inside / entry.path).is_file() for entry in entries)


def test_label_other_files_and_any_case_of_the_extension(tmp_path: Path) -> None:
    make_sice(tmp_path, scenes=1, frames=1, extension="jPeG")
    base = tmp_path / "Dataset_Part1"
    (base / "Label").mkdir()
    make_picture(0, 0.5).save(base / "Label" / "1.JPG")
    make_picture(0, 0.5).save(base / "1" / "._1.JPG", format="JPEG")
    (base / "1" / "Thumbs.db").write_text("x")
    assert [entry.path for entry in find_sice(tmp_path).entries] == ["Dataset_Part1/1/1.jPeG"]


def test_folder_takes_any_images_below(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    make_picture(0, 0.5).save(tmp_path / "a b" / "x.png")
    make_picture(0, 0.5).save(tmp_path / "y.BMP")
    assert [(entry.path, entry.scene) for entry in find_folder(tmp_path).entries] == [
        ("a b/x.png",) * 2,
        ("y.BMP",) * 2,
    ]


def test_results_of_runs_are_no_data(tmp_path: Path) -> None:
    make_picture(0, 0.5).save(tmp_path / "mine.png")
    for folder in ("runs/sweep/now/0/samples/step-000000", "runs/sweep/now/wandb/media"):
        (tmp_path / folder).mkdir(parents=True)
        make_picture(0, 0.5).save(tmp_path / folder / "00_output.png")
    (tmp_path / "runs" / "sweep" / "now" / "0" / ".hydra").mkdir()
    make_picture(0, 0.5).save(tmp_path / "runs" / "sweep" / "now" / "contact_sheet.png")
    (tmp_path / "runs" / "sweep" / "now" / "sweep.json").write_text("{}")
    assert [entry.path for entry in find_folder(tmp_path).entries] == ["mine.png"]


@pytest.mark.parametrize("find", [find_sice, find_folder])
def test_missing_and_empty_roots_say_so(find: object, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist.*data\.root=DIR"):
        find(tmp_path / "nowhere")  # type: ignore[operator]
    with pytest.raises(FileNotFoundError, match=r"no (SICE )?images in"):
        find(tmp_path)  # type: ignore[operator]


def test_fingerprint_follows_names_and_sizes(tmp_path: Path) -> None:
    make_sice(tmp_path, scenes=2, frames=2)
    entries = find_sice(tmp_path).entries
    before = fingerprint(tmp_path, entries)
    assert before == fingerprint(tmp_path, entries)
    with (tmp_path / entries[0].path).open("ab") as file:
        file.write(b"x")
    assert fingerprint(tmp_path, entries) != before
    assert fingerprint(tmp_path, entries[1:]) != fingerprint(tmp_path, entries)


@pytest.mark.shared
def test_real_sice_subset(shared: Path) -> None:
    root = shared / "data" / "sice_part1_subset"
    entries = find_sice(root).entries
    assert (len(entries), len({entry.scene for entry in entries})) == (1565, 205)


def test_folders_that_cannot_be_listed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_sice(tmp_path, scenes=3, frames=1)
    scan = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "2":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    index = find_sice(tmp_path)
    assert [entry.scene for entry in index.entries] == ["1", "3"]
    assert index.unreadable == {"Dataset_Part1/2": "folder: Permission denied"}


def test_linked_folders_are_read_once(tmp_path: Path) -> None:
    make_sice(tmp_path / "elsewhere", scenes=2, frames=2)
    base = tmp_path / "data" / "Dataset_Part1"
    base.mkdir(parents=True)
    for scene in ("1", "2"):
        (base / scene).symlink_to(tmp_path / "elsewhere" / "Dataset_Part1" / scene)
    (base / "2" / "circle").symlink_to(base)
    index = find_sice(tmp_path / "data")
    assert [entry.path for entry in index.entries] == [f"Dataset_Part1/{s}/{f}.JPG" for s in (1, 2) for f in (1, 2)]
    assert index.passed_over == {"links to folders that were read already": 1}


def test_labels_and_what_is_in_no_scene(tmp_path: Path) -> None:
    make_sice(tmp_path, scenes=2, frames=1)
    base = tmp_path / "Dataset_Part1"
    for name in ("Label/1.JPG", "Label/1.png", "2/more/1.JPG", "lost.JPG"):
        (base / name).parent.mkdir(exist_ok=True)
        make_picture(0, 0.5).save(base / name)
    index = find_sice(tmp_path)
    assert index.labels == {"1": "Dataset_Part1/Label/1.JPG"}
    assert index.passed_over == {"images that are not in a scene's folder (.JPG)": 2, "further labels of a scene": 1}
    assert len(index.files()) == len({*index.files()}) == 3


@pytest.mark.parametrize("digits", ["²", "٣", "Ⅷ", "１"])
def test_digits_of_any_script_in_names(digits: str, tmp_path: Path) -> None:
    make_picture(0, 0.5).save(tmp_path / f"{digits}.png")
    assert [entry.path for entry in find_folder(tmp_path).entries] == [f"{digits}.png"]
