from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.sweeps import SweepMaker, make_pictures
from zero_dce.exposure.response import expose
from zero_dce.exposure.suited import EXPOSED_MEAN
from zero_dce.review.cells import Cell, CellReader
from zero_dce.review.collect import collect


def read_cells(folder: Path) -> dict[tuple[int, int, str], Cell]:
    return {(cell.run, cell.step, cell.number): cell for cell in CellReader().read(collect(folder).runs)}


def test_what_a_cell_holds(tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path, [{"exp": 3}, {"exp": 10}], make_pictures(2))
    maker.run(0, [0, 10])
    maker.run(1, [0])
    cells = read_cells(tmp_path)
    assert list(cells) == [(run, step, number) for run, step in ((0, 0), (0, 10), (1, 0)) for number in ("00", "01")]
    content = cells[0, 10, "01"].content
    assert (content["size"], content["name"]) == ([48, 32], "scene/1.JPG")
    assert content["sides"] == ["input", "output", "curves"]


def test_the_exposure_that_makes_outputs_equal(tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path, [{"exp": 3}], make_pictures(3))
    run = maker.run(0, [0, 20])
    Image.new("RGB", (48, 32)).save(run / "samples/step-000020/02_output.png")
    cells = read_cells(tmp_path)
    evs = [cells[0, 20, number].content["ev"] for number in ("00", "01")]
    for ev, number in zip(evs, ("00", "01"), strict=True):
        with Image.open(run / f"samples/step-000020/{number}_output.png") as output:
            exposed = expose(np.asarray(output) / 255, ev)
        assert exposed.mean() == pytest.approx(EXPOSED_MEAN, abs=0.004)
    assert evs[0] > evs[1], "the darker one is exposed longer"
    assert cells[0, 20, "02"].content["ev"] == 8, "black: the end of the range"


def test_thumbnails_are_the_outputs_pixels(tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path, [{"exp": 3}], [make_pictures(1)[0].resize((400, 300))])
    run = maker.run(0, [0, 10])
    content = base64.b64decode(read_cells(tmp_path)[0, 10, "00"].thumbnail)
    with Image.open(io.BytesIO(content)) as thumbnail, Image.open(run / "samples/step-000010/00_output.png") as output:
        assert thumbnail.format == "WEBP"
        assert thumbnail.size == (192, 144)
        small = output.resize((192, 144), Image.Resampling.LANCZOS)
        difference = np.abs(np.asarray(thumbnail.convert("RGB"), int) - np.asarray(small, int))
    assert difference.mean() < 4


def test_half_written_pictures_are_said(tmp_path: Path) -> None:
    maker = SweepMaker(tmp_path, [{"exp": 3}], make_pictures(3))
    folder = maker.run(0, [10], state=None) / "samples" / "step-000010"
    whole = (folder / "00_output.png").read_bytes()
    for name, content in (("00_output", whole[: len(whole) // 2]), ("01_output", b""), ("02_input", b"PNG")):
        (folder / f"{name}.png").unlink()
        (folder / f"{name}.png").write_bytes(content)
    cells = read_cells(tmp_path)
    for number in ("00", "01"):
        assert cells[0, 10, number].content == {"broken": "this picture is being written, or damaged"}
        assert cells[0, 10, number].thumbnail == ""
    assert cells[0, 10, "02"].content["flags"] == [], "there is nothing to compare with"
