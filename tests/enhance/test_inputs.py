from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from zero_dce.enhance.inputs import FoundInputs, find_file_pairs
from zero_dce.enhance.results import Extras
from zero_dce.enhance.video import CONTAINERS
from zero_dce.images.formats.files import result_suffix
from zero_dce.images.suffixes import PICTURE_FORMATS


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jpg", "b.PNG", "trip/a.jpg", "trip/day 2/c.tif", "trip/notes.txt"):
        file = tmp_path / "photos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(tmp_path)
    return Path("photos")


def names(found: FoundInputs) -> dict[str, str]:
    return {pair.input.as_posix(): pair.output.as_posix() for pair in found.pairs}


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
    assert len(find_file_pairs(["photos/a.jpg", "photos/a.jpg", "photos/a*"], Path("out")).pairs) == 1


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
    pairs = find_file_pairs(["photos"], Path("out")).pairs
    assert [pair.problem for pair in pairs if pair.problem] == [
        "cannot list photos/trip/day 2: folder: Permission denied"
    ]
    assert len(pairs) == 4


def test_a_file_in_two_spellings_is_one(photos: Path) -> None:
    spellings = ["photos/a.jpg", "photos/../photos/a.jpg", str((photos / "a.jpg").resolve())]
    assert len(find_file_pairs(spellings, Path("out")).pairs) == 1


def test_each_link_has_its_own_result(photos: Path) -> None:
    """Also those that lead nowhere, which are named each."""
    before = len(find_file_pairs(["photos"], Path("out")).pairs)
    for name, target in (("b.jpg", "a.jpg"), ("c.jpg", "nowhere"), ("d.jpg", "nowhere")):
        (photos / name).symlink_to(target)
    found = find_file_pairs(["photos"], Path("out")).pairs
    assert len(found) == before + 3
    assert {str(pair.output) for pair in found} >= {"out/a.jpg", "out/b.jpg", "out/c.jpg", "out/d.jpg"}
    with pytest.raises(ValueError, match="would overwrite the input"):
        find_file_pairs(["photos/b.jpg"], Path("photos"))


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


@pytest.mark.parametrize("inputs", ["photos", "photos/pipe.jpg"])
def test_a_pipe_is_named_and_not_waited_for(inputs: str, photos: Path) -> None:
    os.mkfifo(photos / "pipe.jpg")
    problems = [pair.problem for pair in find_file_pairs([inputs], Path("out")).pairs if pair.problem]
    assert problems == ["photos/pipe.jpg is a pipe or a device; expected a file"]


def fill(folder: Path, *files: str) -> Path:
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    return folder


def test_a_folder_gives_all_that_can_be_read(photos: Path) -> None:
    suffixes = [suffix for form in PICTURE_FORMATS.values() for suffix in form.suffixes] + list(CONTAINERS)
    folder = fill(Path("all"), *[f"a{suffix}" for suffix in suffixes])
    assert len(find_file_pairs(["all"], Path("out")).pairs) == len(suffixes)
    (folder / "b.JFIF").touch()
    (folder / "b.MTS").touch()
    assert len(find_file_pairs(["all"], Path("out")).pairs) == len(suffixes) + 2


def test_what_a_folder_holds_besides_is_counted_and_named(photos: Path) -> None:
    fill(Path("mixed"), "a.jpg", "b.GIF", "c.gif", "d.psd", "e.NEF", "f.avi", "g.mp4", "notes.txt", ".hidden")
    found = find_file_pairs(["mixed"], Path("out"))
    assert names(found) == {
        "mixed/a.jpg": "out/a.jpg",
        "mixed/e.NEF": "out/e.NEF",
        "mixed/g.mp4": "out/g.mp4",
    }
    assert found.passed_over == [
        "mixed: passed over 2 .gif, 1 .psd: convert them to JPEG, PNG or TIFF first, for example with ImageMagick",
        "mixed: passed over 1 .avi: convert these clips to .mkv first, for example with FFmpeg",
        "mixed: passed over 1 .txt files, 1 hidden files",
    ]


def test_pictures_whose_readers_are_not_installed_are_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.images.suffixes.find_spec", lambda name: None)
    fill(Path("mixed"), "a.jpg", "b.HEIC", "c.heic", "d.dng")
    found = find_file_pairs(["mixed"], Path("out"))
    assert names(found) == {"mixed/a.jpg": "out/a.jpg"}
    assert found.passed_over == [
        "mixed: passed over 2 .heic: pip install 'zero-dce-lightning[heif]' reads them",
        "mixed: passed over 1 .dng: pip install 'zero-dce-lightning[raw]' reads them",
    ]


def test_a_result_may_have_another_suffix(photos: Path) -> None:
    fill(Path("raw"), "a.dng", "b.tar.NEF")
    for raw_format, suffix in (("tiff", ".tif"), ("jpeg", ".jpg")):
        found = find_file_pairs(["raw"], Path("out"), suffix_of=partial(result_suffix, raw_format=raw_format))
        assert names(found) == {"raw/a.dng": f"out/a{suffix}", "raw/b.tar.NEF": f"out/b.tar{suffix}"}
    (Path("raw") / "a.jpg").touch()
    with pytest.raises(ValueError, match=r"raw/a\.dng and raw/a\.jpg would both become out/a\.jpg"):
        find_file_pairs(["raw"], Path("out"), suffix_of=partial(result_suffix, raw_format="jpeg"))


def test_clips_that_nothing_reads_are_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zero_dce.enhance.video.find_spec", lambda name: None)
    fill(Path("mixed"), "a.jpg", "b.mp4", "c.MTS")
    found = find_file_pairs(["mixed"], Path("out"))
    assert names(found) == {"mixed/a.jpg": "out/a.jpg"}
    assert found.passed_over == [
        "mixed: passed over 1 .mp4, 1 .mts: pip install 'zero-dce-lightning[video]' reads these clips"
    ]
    fill(Path("clips"), "b.mp4")
    with pytest.raises(FileNotFoundError, match=r"no images in clips: .*passed over 1 \.mp4: pip install"):
        find_file_pairs(["clips"], Path("out"))
