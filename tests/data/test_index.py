from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.pictures import make_picture, make_sice
from zero_dce.data.dataset import Fit
from zero_dce.data.index import (
    Frame,
    Index,
    find_folder,
    find_references,
    find_sice,
    fingerprint,
    read_pairs,
    read_pairs_file,
)
from zero_dce.data.survey import look_up, survey


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


def test_pairs(sice: Path) -> None:
    pairs = read_pairs(sice)
    assert pairs["Dataset_Part1/2/1.JPG"] == "Dataset_Part1/2/4.JPG"
    assert len(pairs) == 10


def make_low_and_high(root: Path, text: str, encoding: str = "utf-8") -> Path:
    for folder, brightness in (("low", 0.1), ("high", 0.5)):
        (root / folder).mkdir()
        make_picture(0, brightness).save(root / folder / "1.png")
    (root / "pairs.csv").write_text(text, encoding=encoding)
    return root


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("low,reference\nlow/1.png,high/1.png\n", "utf-8"),
        ("low,reference\nlow/1.png,high/1.png\n", "utf-8-sig"),
        ("scene,reference,low\n1,./high/1.png,low\\1.png\n", "utf-8"),
    ],
)
def test_ways_to_write_it(text: str, encoding: str, tmp_path: Path) -> None:
    root = make_low_and_high(tmp_path, text, encoding)
    assert read_pairs(root) == {"low/1.png": "high/1.png"}
    scenes = {entry.path: entry.scene for entry in find_folder(root).entries}
    assert scenes["low/1.png"] == scenes["high/1.png"], "both are on the same side of a split by scene"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dark,bright\na,b\n", "expected at least low and reference"),
        ("low,reference\na.png,b.png\n", r"names 2 files that do not exist, among them a\.png"),
        ("low,reference\nlow/1.png\n", "line 2: low or reference is empty"),
        ("", "expected at least low and reference"),
    ],
)
def test_wrong_pairs_are_refused(text: str, message: str, tmp_path: Path) -> None:
    assert read_pairs(tmp_path) == {}
    with pytest.raises(ValueError, match=message):
        read_pairs(make_low_and_high(tmp_path, text))


FRAMES = [Frame(f"{scene}/{n}.JPG", scene) for scene in "ab" for n in (1, 2, 3)]
LIGHT = {"a/1.JPG": 0.1, "a/2.JPG": 0.43, "a/3.JPG": 0.58, "b/1.JPG": 0.24, "b/2.JPG": 0.26, "b/3.JPG": 0.9}


def test_the_best_exposed_frame_stands_for_a_missing_label() -> None:
    assert find_references(Index(FRAMES), LIGHT) == {"a/1.JPG": "a/2.JPG"}, "b has no well exposed frame"


def test_a_label_comes_first() -> None:
    index = Index(FRAMES, labels={"a": "Label/a.JPG", "b": "Label/b.JPG"})
    light = {**LIGHT, "Label/a.JPG": 0.5, "Label/b.JPG": 0.5}
    assert find_references(index, light) == {"a/1.JPG": "Label/a.JPG", "b/1.JPG": "Label/b.JPG"}
    del light["Label/a.JPG"]
    assert find_references(index, light)["a/1.JPG"] == "a/2.JPG", "a label that cannot be read is none"


def test_files_that_cannot_be_read_are_no_references() -> None:
    light = {path: value for path, value in LIGHT.items() if path != "a/2.JPG"}
    assert find_references(Index(FRAMES), light) == {"a/1.JPG": "a/3.JPG"}


def test_pairs_decide_where_there_are_any(sice: Path) -> None:
    index = find_sice(sice)
    light = {entry.path: 0.5 for entry in index.entries}
    assert find_references(index, light) == read_pairs(sice) == index.pairs
    del light["Dataset_Part1/2/4.JPG"]
    assert "Dataset_Part1/2/1.JPG" not in find_references(index, light)


@pytest.mark.shared
def test_the_rule_finds_the_pairs_of_real_scenes(shared: Path) -> None:
    """The list was made by others, who also looked at alignment; the rule agrees with it in nine of ten scenes."""
    root = shared / "data" / "sice_part1_subset"
    index = find_sice(root)
    files = [look_up(root, entry.path) for entry in index.entries]
    light = {record.path: record.brightness for record in survey(root, files, Fit(64).read, 2)}
    pairs = read_pairs(root)
    assert len(pairs) == 410
    found = find_references(replace(index, pairs={}), light)
    common = pairs.keys() & found.keys()
    assert len(common) > 0.95 * len(pairs)
    assert sum(pairs[path] == found[path] for path in common) > 0.9 * len(common)


def test_pictures_of_every_format_are_found(tmp_path: Path) -> None:
    names = ["a.jfif", "b.HEIC", "c.avif", "d.jxl", "e.jp2", "f.dng", "g.apng", "h.dib", "i.jpe"]
    for name in [*names, "j.txt"]:
        (tmp_path / name).touch()
    index = find_folder(tmp_path)
    assert [entry.path for entry in index.entries] == names
    assert (index.what_else(), index.without_reader()) == ("1 .txt files", [])


def test_pictures_whose_readers_are_not_installed_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "b.HEIC", "c.hif", "d.dng"):
        (tmp_path / name).touch()
    monkeypatch.setattr("zero_dce.images.suffixes.find_spec", lambda name: None)
    index = find_folder(tmp_path)
    assert [entry.path for entry in index.entries] == ["a.jpg"]
    assert index.without_reader() == [
        "passed over 1 .heic, 1 .hif: pip install 'zero-dce-lightning[heif]' reads them",
        "passed over 1 .dng: pip install 'zero-dce-lightning[raw]' reads them",
    ]


def test_a_raw_file_and_its_jpeg_are_one_scene(tmp_path: Path) -> None:
    """Else one could be trained on, and the other tested."""
    for name in ("1.dng", "1.jpg", "2.jpg"):
        (tmp_path / name).touch()
    assert [(entry.path, entry.scene) for entry in find_folder(tmp_path).entries] == [
        ("1.dng", "1.dng"),
        ("1.jpg", "1.dng"),
        ("2.jpg", "2.jpg"),
    ]


@pytest.mark.parametrize("path", ["../secret.png", "/etc/hostname", "a/../../secret.png", "..\\secret.png"])
def test_pairs_lead_to_no_other_folder(path: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for file in (root / "a.png", tmp_path / "secret.png"):
        file.touch()
    (root / "pairs.csv").write_text(f"low,reference\na.png,{path}\n")
    with pytest.raises(ValueError, match=r"pairs\.csv, line 2: .* is not below .*; expected paths relative to it"):
        read_pairs(root)


@pytest.mark.parametrize(
    "content", [b"low,reference\n" + b"x" * 200_000, b"low,reference\n\xff,a\n"], ids=["a long field", "no UTF-8"]
)
def test_pairs_that_are_no_table_are_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"pairs\.csv is no table \(.*\); expected CSV in UTF-8"):
        read_pairs(tmp_path)


def test_pairs_that_the_user_names_may_lie_anywhere(tmp_path: Path) -> None:
    root = tmp_path / "data" / "low"
    root.mkdir(parents=True)
    for file in (root / "a.png", tmp_path / "data" / "b.png"):
        file.touch()
    file = tmp_path / "mine.csv"
    file.write_text(f"low,reference\na.png,../b.png\n{root / 'a.png'},..\\b.png\n")
    assert read_pairs_file(file, root) == {"a.png": "../b.png", f"{root.as_posix()}/a.png": "../b.png"}
    file.write_text("low,reference\na.png,../c.png\n")
    with pytest.raises(ValueError, match=r"names 1 files that do not exist, among them \.\./c\.png"):
        read_pairs_file(file, root)
