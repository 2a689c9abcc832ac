from __future__ import annotations

import os
from pathlib import Path

import pytest

from zero_dce.enhance.inputs import FilePair, find_file_pairs
from zero_dce.enhance.results import Extras


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jpg", "b.PNG", "trip/a.jpg", "trip/day 2/c.tif", "trip/notes.txt"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(tmp_path)
    return Path("photos")


def names(pairs: list[FilePair]) -> dict[str, str]:
    return {pair.input.as_posix(): pair.output.as_posix() for pair in pairs}


def test_a_file(photos: Path) -> None:
    assert names(find_file_pairs(["photos/trip/a.jpg"], Path("out"))) == {"photos/trip/a.jpg": "out/a.jpg"}


def test_a_folder_is_mirrored(photos: Path) -> None:
    assert names(find_file_pairs(["photos"], Path("out"))) == {
        "photos/a.jpg": "out/a.jpg",
        "photos/b.PNG": "out/b.PNG",
        "photos/trip/a.jpg": "out/trip/a.jpg",
        "photos/trip/day 2/c.tif": "out/trip/day 2/c.tif",
    }


def test_a_pattern_is_mirrored_below_its_fixed_part(photos: Path) -> None:
    found = find_file_pairs(["photos/**/*.jpg"], Path("out"))
    assert names(found) == {"photos/a.jpg": "out/a.jpg", "photos/trip/a.jpg": "out/trip/a.jpg"}
    assert names(find_file_pairs(["photos/t*/*.jpg"], Path("out"))) == {"photos/trip/a.jpg": "out/trip/a.jpg"}
    assert names(find_file_pairs([f"{photos.resolve()}/*.PNG"], Path("out"))) == {
        f"{photos.resolve().as_posix()}/b.PNG": "out/b.PNG"
    }


def test_a_file_with_the_signs_of_a_pattern_in_its_name(photos: Path) -> None:
    (photos / "night[1].jpg").touch()
    assert names(find_file_pairs(["photos/night[1].jpg"], Path("out"))) == {"photos/night[1].jpg": "out/night[1].jpg"}


def test_a_file_named_twice_is_one(photos: Path) -> None:
    assert len(find_file_pairs(["photos/a.jpg", "photos/a.jpg", "photos/a*"], Path("out"))) == 1


def test_results_in_the_folder_are_no_inputs(photos: Path) -> None:
    (photos / "out").mkdir()
    (photos / "out" / "a.jpg").touch()
    assert "photos/out/a.jpg" not in names(find_file_pairs(["photos"], photos / "out"))
    assert "photos/out/a.jpg" not in names(find_file_pairs(["photos/**/*.jpg"], photos / "out"))


@pytest.mark.parametrize("output", ["photos", "photos/../photos", "link"])
def test_an_input_is_never_overwritten(output: str, photos: Path) -> None:
    Path("link").symlink_to("photos", target_is_directory=True)
    with pytest.raises(ValueError, match=r"the result of photos/a\.jpg would overwrite the input photos/a\.jpg"):
        find_file_pairs(["photos/a.jpg"], Path(output))


def test_not_even_another_input(photos: Path) -> None:
    with pytest.raises(ValueError, match=r"photos/a\.jpg would overwrite the input photos/trip/a\.jpg"):
        find_file_pairs(["photos/a.jpg", "photos/trip/a.jpg"], Path("photos/trip"))


def test_two_results_of_one_name(photos: Path) -> None:
    with pytest.raises(ValueError, match=r"photos/a\.jpg and photos/trip/a\.jpg would both become out/a\.jpg"):
        find_file_pairs(["photos/a.jpg", "photos/trip/a.jpg"], Path("out"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere.jpg", r"nowhere\.jpg does not exist; expected a file, a folder, or a pattern"),
        ("photos/*.gif", r"no file matches the pattern photos/\*\.gif"),
        ("photos/empty", "no images in photos/empty: expected files ending in"),
    ],
)
def test_nothing_there(text: str, message: str, photos: Path) -> None:
    (photos / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=message):
        find_file_pairs([text], Path("out"))


def test_a_folder_that_cannot_be_listed_is_named_at_the_end(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser of a container may list everything: the refusal is made up."""
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("day 2"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    pairs = find_file_pairs(["photos"], Path("out"))
    assert [pair.problem for pair in pairs if pair.problem] == [
        "cannot list photos/trip/day 2: folder: Permission denied"
    ]
    assert len(pairs) == 4


def test_a_file_in_two_spellings_is_one(photos: Path) -> None:
    assert (
        len(find_file_pairs(["photos/a.jpg", "photos/../photos/a.jpg", str((photos / "a.jpg").resolve())], Path("out")))
        == 1
    )


@pytest.mark.parametrize("inputs", ["photos", "photos/*.jpg"])
@pytest.mark.parametrize("output", ["photos", "."])
def test_nothing_but_results(inputs: str, output: str, photos: Path) -> None:
    with pytest.raises(ValueError, match=r"all files of photos.* lie in the folder of the results"):
        find_file_pairs([inputs], Path(output))


def test_an_empty_argument(photos: Path) -> None:
    with pytest.raises(ValueError, match="an input is empty, perhaps an unset variable"):
        find_file_pairs([""], Path("out"))


def test_further_files_of_a_result_count_too(photos: Path) -> None:
    (photos / "a.png").touch()
    maps = Extras(maps=True).files
    with pytest.raises(ValueError, match=r"photos/a\.jpg and photos/a\.png would both become out/a_curves\.png"):
        find_file_pairs(["photos/a.jpg", "photos/a.png"], Path("out"), maps)
    (photos / "a_compare.jpg").touch()
    with pytest.raises(ValueError, match=r"would both become out/a_compare\.jpg"):
        find_file_pairs(["photos/a.jpg", "photos/a_compare.jpg"], Path("out"), Extras(compare=True).files)


def test_a_pipe_is_named_and_not_waited_for(photos: Path) -> None:
    os.mkfifo(photos / "pipe.jpg")
    problems = [pair.problem for pair in find_file_pairs(["photos"], Path("out")) if pair.problem]
    assert problems == ["photos/pipe.jpg is a pipe or a device; expected a file"]
