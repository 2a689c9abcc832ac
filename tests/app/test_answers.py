from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.full_disk import small_files
from zero_dce.app.answers import KEPT_SECONDS, Answers, enhanced_name, failure, unique_names
from zero_dce.app.darkroom import Darkroom, Settings


@pytest.fixture
def answers(two_weights: list[Path], tmp_path: Path) -> Answers:
    results = tmp_path / "results"
    results.mkdir()
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no")
    return Answers(Darkroom(1), {"good": two_weights[0], "damaged weights": damaged}, results)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "a.png"
    Image.new("RGB", (64, 48), (20, 24, 30)).save(file)
    return file


def good(answers: Answers) -> Settings:
    return answers.settings("good", "fast", "auto", 0.44, 1, 1)


def test_controls_become_the_commands_settings(answers: Answers, two_weights: list[Path]) -> None:
    assert good(answers) == Settings(two_weights[0], "fast", "auto", 1, 1)
    assert answers.settings("good", "exact", "mean", 0.1 + 0.2, 0, 0.15000000000000002) == Settings(
        two_weights[0], "exact", 0.3, 0, 0.15
    )


def test_two_pictures_and_a_line(answers: Answers, picture: Path) -> None:
    pair, line = answers.show(picture, good(answers))
    assert pair is not None
    for file in pair:
        with Image.open(file) as image:
            assert (image.format, image.size) == ("JPEG", (64, 48))
    assert line.startswith('<p role="status">64 × 48 pixels (0.0 megapixels) · ')


def test_notices_are_told(answers: Answers, picture: Path) -> None:
    picture = picture.rename(picture.with_suffix(".jpg"))
    assert "a PNG file named .jpg" in answers.show(picture, good(answers))[1]


def test_what_is_wrong_is_one_line_without_the_servers_paths(answers: Answers, picture: Path, tmp_path: Path) -> None:
    bad = tmp_path / "<b>notes.txt"
    bad.write_text("no picture")
    pair, line = answers.show(bad, good(answers))
    assert pair is None
    assert line.startswith(
        failure("cannot read <b>notes.txt as an image: not a file of JPEG, PNG, ").removesuffix("</p>")
    )
    assert "&lt;b&gt;notes.txt" in line
    assert answers.write_one(bad, good(answers)) == (None, line)
    _, line = answers.show(picture, answers.settings("damaged weights", "fast", "auto", 0.44, 1, 1))
    assert line.startswith('<p role="alert">damaged weights is not a safetensors file')
    assert str(tmp_path) not in line


def test_a_result_has_another_name(answers: Answers, picture: Path) -> None:
    file, wrong = answers.write_one(picture, good(answers))
    assert wrong == ""
    assert file is not None
    assert Path(file).name == "a_enhanced.png" == enhanced_name(picture)


def test_all_results_in_one_file(answers: Answers, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    second = tmp_path / "other" / "a.png"
    Image.new("L", (20, 10), 30).save(second)
    bad = tmp_path / "notes.txt"
    bad.write_text("no picture")
    begun: list[int] = []
    file, wrong = answers.write_all([picture, bad, second], good(answers), begun.append)
    assert begun == [0, 1, 2]
    assert wrong.count("<p") == 1
    assert "notes.txt" in wrong
    assert file is not None
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["a_enhanced.png", "a_enhanced_2.png"]
        single, _ = answers.write_one(picture, good(answers))
        assert single is not None
        assert archive.read("a_enhanced.png") == Path(single).read_bytes()
    assert answers.write_all([bad], good(answers), begun.append)[0] is None


def test_old_answers_are_removed(answers: Answers, picture: Path) -> None:
    file, _ = answers.write_one(picture, good(answers))
    assert file is not None
    os.utime(Path(file).parent, (1, 1))
    other, _ = answers.write_one(picture, good(answers))
    assert other is not None
    assert not Path(file).exists()
    assert Path(other).exists()
    assert KEPT_SECONDS > 600


def test_names_that_differ_in_case_only() -> None:
    files = [Path("a.jpg"), Path("b/A.jpg"), Path("a_enhanced_2.jpg"), Path("a.png"), Path("b/a.jpg")]
    assert unique_names(files) == [
        "a_enhanced.jpg",
        "A_enhanced_2.jpg",
        "a_enhanced_2_enhanced.jpg",
        "a_enhanced.png",
        "a_enhanced_3.jpg",
    ]


def test_a_full_disk_is_told(answers: Answers, picture: Path) -> None:
    with small_files(100):
        for file, wrong in (
            answers.write_one(picture, good(answers)),
            answers.write_all([picture], good(answers), lambda _: None),
        ):
            assert file is None
            assert "File too large" in wrong
        pair, wrong = answers.show(picture, good(answers))
        assert pair is None
        assert "File too large" in wrong
