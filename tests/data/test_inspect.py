from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.pictures import make_picture, make_sice
from zero_dce.data.inspect import main
from zero_dce.images.sheets import GAP, LABEL_HEIGHT


def test_a_data_set_in_sices_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_sice(tmp_path / "data", scenes=3, frames=4)
    (root / "Dataset_Part1" / "2" / "5.JPG").write_bytes(b"")
    make_picture(5, 0.5).convert("CMYK").save(root / "Dataset_Part1" / "3" / "5.JPG")
    (root / "Dataset_Part1" / "3" / "notes.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    main([str(root)])
    printed = capsys.readouterr().out
    assert "14 images in 3 scenes" in printed
    lines = [line.split() for line in printed.splitlines()]
    assert ["4", "1", "█" * 20] in lines, "one scene of 4 frames"
    assert ["5", "2", "█" * 40] in lines
    assert ["48", "x", "32", "13", "█" * 40] in lines
    assert "0 labels; 6 dark images have a reference" in printed
    assert "passed over: 1 .txt files" in printed
    assert "unusual, and used: 1\n  Dataset_Part1/3/5.JPG  CMYK: converted" in printed
    assert "cannot be used: 1\n  Dataset_Part1/2/5.JPG  an empty file" in printed
    with Image.open(tmp_path / "contact_sheet.jpg") as sheet:
        pixels = np.asarray(sheet.convert("L")).astype(float)
    top = GAP + LABEL_HEIGHT
    row = [pixels[top : top + 16, GAP + column * (96 + GAP) + 30 :][:, :30].mean() for column in range(4)]
    assert row == sorted(row), "darkest first"
    assert row[0] < 40 < 90 < row[3]


def test_a_folder_of_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(17):
        make_picture(number, 0.5).save(folder / f"{number}.png")
    main([str(folder), "--sheet", str(tmp_path / "sheet.png")])
    assert "17 images in 17 scenes" in capsys.readouterr().out
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 16 * (96 + GAP) + GAP


def test_long_sheets_have_pages(tmp_path: Path) -> None:
    root = make_sice(tmp_path / "large", scenes=61, frames=2)
    main([str(root), "--sheet", str(tmp_path / "scenes.jpg")])
    assert sorted(file.name for file in tmp_path.glob("*.jpg")) == ["scenes-1.jpg", "scenes-2.jpg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere"], "the folder /nowhere does not exist"),
        (["{root}", "--layout", "sice"], "no SICE images in"),
    ],
)
def test_wrong_input(arguments: list[str], message: str, tmp_path: Path) -> None:
    make_picture(0, 0.5).save(tmp_path / "a.png")
    with pytest.raises(SystemExit, match=message):
        main([argument.format(root=tmp_path) for argument in arguments])


def test_a_sheet_that_is_no_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--sheet", "sheet.docx"])
    assert "--sheet sheet.docx: expected the name of an image" in capsys.readouterr().err
