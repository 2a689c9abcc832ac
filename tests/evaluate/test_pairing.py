from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.pictures import make_picture
from zero_dce.evaluate.pairing import match_folders
from zero_dce.evaluate.pictures import listed_pairs


def make(root: Path, *names: str) -> None:
    """Write a small picture under each name."""
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        make_picture(number, 0.3, 20, 16).save(file)


def matched(low: Path, high: Path) -> dict[str, str | None]:
    pictures = match_folders(low, high)
    for pair in pictures.pairs:
        assert pair.image == low / pair.name
        assert pair.reference == high / str(pair.reference_name)
        assert pair.image.is_file()
        assert pair.reference.is_file()
    return {pair.name: pair.reference_name for pair in pictures.pairs}


# The names as they lie in the published archives: folder and names of the dark side, and of the other.
LAYOUTS = {
    "LOL": ("eval15/low", ["1.png", "22.png", "111.png"], "eval15/high", ["1.png", "22.png", "111.png"]),
    "LOL-v2 real": (
        "Real_captured/Test/Low",
        ["low00690.png", "low00691.png", "low01000.png"],
        "Real_captured/Test/Normal",
        ["normal00690.png", "normal00691.png", "normal01000.png"],
    ),
    "LOL-v2 synthetic": (
        "Synthetic/Test/Low",
        ["r000da54ft.png", "r02c5df6bt.png"],
        "Synthetic/Test/Normal",
        ["r000da54ft.png", "r02c5df6bt.png"],
    ),
    "LSRW": ("Huawei/low", ["1001.jpg", "1002.jpg"], "Huawei/high", ["1001.jpg", "1002.jpg"]),
    "folders of one scene each": (
        "input",
        ["pair1/0001.png", "pair1/0002.png", "pair2/0001.png"],
        "GT",
        ["pair1/0001.png", "pair1/0002.png", "pair2/0001.png"],
    ),
    "other suffixes": ("low", ["a.JPG", "b.JPG"], "high", ["a.bmp", "b.png"]),
    "a word behind the number": ("x", ["1_low.png", "2_low.png"], "y", ["1_gt.png", "2_gt.png"]),
    "words in folders": ("x", ["low1/1.png", "low2/1.png"], "y", ["normal1/1.png", "normal2/1.png"]),
    "zeros before the number": ("x", ["a_9.png", "a_10.png"], "y", ["a_09.png", "a_10.png"]),
    "the number only": ("x", ["night 8.png", "night 10.png"], "y", ["IMG_0008.png", "IMG_0010.png"]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_two_folders(layout: str, tmp_path: Path) -> None:
    low, dark, high, bright = LAYOUTS[layout]
    make(tmp_path / low, *dark)
    make(tmp_path / high, *bright)
    assert matched(tmp_path / low, tmp_path / high) == dict(zip(dark, bright, strict=True))


def make_sice_part2(root: Path) -> None:
    """Scenes of 7, 9 and 2 frames, the first with two labels, and one of 5 without."""
    for scene, frames in (("1", 7), ("2", 9), ("3", 2), ("10", 5)):
        make(root / scene, *(f"{frame}.JPG" for frame in range(1, frames + 1)))
    make(root / "Label", "1.JPG", "1.PNG", "2.PNG", "3.JPG")


def test_sice(tmp_path: Path) -> None:
    """Three frames of 7 and four of 9, as the paper takes them."""
    make_sice_part2(tmp_path)
    for folder in ("elsewhere", "scenes"):
        (tmp_path / folder).mkdir()
    expected: dict[str, str] = {f"1/{frame}.JPG": "1.JPG" for frame in (1, 2, 3)}
    expected |= {f"2/{frame}.JPG": "2.PNG" for frame in (1, 2, 3, 4)}
    expected["3/1.JPG"] = "3.JPG"
    assert matched(tmp_path, tmp_path / "Label") == expected
    assert str(match_folders(tmp_path, tmp_path / "Label").paired_by).endswith(
        "1 scenes without a label are not measured: 10"
    )
    shutil.move(tmp_path / "Label", tmp_path / "elsewhere" / "label")
    shutil.move(tmp_path / "1", tmp_path / "scenes" / "1")
    assert list(matched(tmp_path / "scenes", tmp_path / "elsewhere" / "label")) == ["1/1.JPG", "1/2.JPG", "1/3.JPG"]


def test_sice_whose_scenes_have_one_name_twice(tmp_path: Path) -> None:
    make(tmp_path, "Part1/1/1.JPG", "Part2/1/1.JPG", "Part1/Label/1.JPG")
    with pytest.raises(ValueError, match="cannot be told from their names"):
        match_folders(tmp_path, tmp_path / "Part1" / "Label")


def test_a_folder_inside_the_other(tmp_path: Path) -> None:
    """References beside or around the dark pictures are no dark pictures, and the other way round."""
    make(tmp_path, "1.png", "2.png", "gt/1.png", "gt/2.png")
    assert matched(tmp_path, tmp_path / "gt") == {"1.png": "1.png", "2.png": "2.png"}
    assert matched(tmp_path / "gt", tmp_path) == {"1.png": "1.png", "2.png": "2.png"}
    make(tmp_path, "only/high/1.png")
    with pytest.raises(FileNotFoundError, match="has no images but those in its folder high"):
        match_folders(tmp_path / "only", tmp_path / "only" / "high")


def test_one_folder_for_both(tmp_path: Path) -> None:
    """Each picture would be measured against itself."""
    make(tmp_path, "low/1.png", "high/1.png")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    for other in (tmp_path, tmp_path / "low" / "..", tmp_path / "link"):
        with pytest.raises(ValueError, match="--low and --high are both"):
            match_folders(tmp_path, other)


@pytest.mark.parametrize(
    ("dark", "bright", "alone"),
    [
        (["1.png", "2.png", "extra.png"], ["1.png", "2.png"], ["1 of --low (extra.png)", "0 of --high (none)"]),
        (["1.png", "2.png"], ["1.png", "2.png", "2.bmp"], ["1 of --low (2.png)", "2 of --high (2.bmp, 2.png)"]),
        (["low1.png", "low2.png"], ["normal1.png"], ["1 of --low (low2.png)", "0 of --high (none)"]),
        # A number on both sides that means two things.
        (["a_1.png", "b_2.png"], ["a_2.png", "b_1.png"], ["2 of --low (a_1.png, b_2.png)"]),
        (["x_1.png", "x_01.png"], ["y_1.png", "y_2.png"], ["2 of --low (x_01.png, x_1.png)"]),
        (["a.png", "b.png", "c.png", "d.png"], ["e.png"], ["4 of --low (a.png, b.png, c.png ...)"]),
    ],
)
def test_what_would_be_a_guess_is_refused(dark: list[str], bright: list[str], alone: list[str], tmp_path: Path) -> None:
    make(tmp_path / "low", *dark)
    make(tmp_path / "high", *bright)
    with pytest.raises(ValueError, match="cannot be told from their names") as error:
        match_folders(tmp_path / "low", tmp_path / "high")
    for part in alone:
        assert part in str(error.value)


def test_the_proposed_file_works(tmp_path: Path) -> None:
    low, high, csv = tmp_path / "data" / "a", tmp_path / "data" / "b" / "c", tmp_path / "pairs.csv"
    make(low, "night.png", "street.png")
    make(high, "x.png", "y.png")
    with pytest.raises(ValueError, match="cannot be told") as error:
        match_folders(low, high)
    first, *lines = str(error.value).splitlines()
    assert f"{low} has 2: night.png, street.png. {high} has 2: x.png, y.png." in first
    header = lines.index("low,reference")
    assert lines[header + 1 :] == [
        "a/night.png,b/c/x.png",
        f"and give --pairs pairs.csv --root {tmp_path / 'data'} instead of --low and --high",
    ]
    csv.write_text("\n".join([*lines[header : header + 2], "a/street.png,b/c/y.png"]))
    pairs = listed_pairs(csv, tmp_path / "data").pairs
    assert [(pair.image, pair.reference) for pair in pairs] == [
        (low / "night.png", high / "x.png"),
        (low / "street.png", high / "y.png"),
    ]


@pytest.mark.shared
def test_lol_v2_as_published(shared: Path) -> None:
    root = shared / "cases" / "lolv2"
    assert matched(root / "Low", root / "Normal") == {
        f"low0000{number}.png": f"normal0000{number}.png" for number in (1, 2)
    }
    assert (
        match_folders(root / "Low", root / "Normal").paired_by == "the same name but for words such as low and normal"
    )
