"""The scripts in sweeps/ that draw and print runs: what they write, and one line instead of a traceback."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers.paths import ROOT
from tests.helpers.sweeps import SweepMaker, make_pictures

SCRIPTS = {"curves": "curves.py", "table": "table.py", "steps": "figures/steps.py"}
Load = Callable[[str], ModuleType]


@pytest.fixture
def load() -> Iterator[Load]:
    loaded = []

    def script(name: str) -> ModuleType:
        specification = importlib.util.spec_from_file_location(name, ROOT / "sweeps" / SCRIPTS[name])
        assert specification
        assert specification.loader
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module
        loaded.append(name)
        specification.loader.exec_module(module)
        return module

    yield script
    for name in loaded:
        del sys.modules[name]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two finished runs with pictures of steps 0, 10 and 20."""
    maker = SweepMaker(tmp_path / "sweep", [{"exp": 1}, {"exp": 10}], make_pictures(3))
    for number in (0, 1):
        maker.run(number, [0, 10, 20], measured={"val/psnr": 10.0 + number, "val/brightness_in": 0.25})
    return maker.folder


def message(capsys: pytest.CaptureFixture[str], script: ModuleType, *arguments: Any) -> str:
    """The one line that a command ends with; it has printed nothing else."""
    with pytest.raises(SystemExit) as stop:
        script.main([str(argument) for argument in arguments])
    assert isinstance(stop.value.code, str)
    assert "\n" not in stop.value.code
    assert capsys.readouterr().out == ""
    return stop.value.code


def test_curves_of_a_run_without_all_measures(load: Load, sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = sweep / "curves.png"
    # The released one has no measures but those of every run here.
    load("curves").main([str(sweep / "0"), str(picture), "--released", str(sweep)])
    with Image.open(picture) as image:
        assert image.size == (1320, 605)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| step | total | spa | exp | col | tv | saturation_ratio | brightness_out | psnr |"
    assert lines[2:] == [
        "| 10 | - | - | 0.1 | - | - | 1 | - | 10 |",
        "| 20 | - | - | 0.1 | - | - | 1 | - | 10 |",
        "| 1 | - | - | 0.1 | - | - | 1 | - | 10 |",
        "| 10 | - | - | 0.1 | - | - | 0.99 | - | 11 |",
    ]


def test_curves_of_what_is_no_run(load: Load, sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curves = load("curves")
    for folder in (sweep / "nowhere", sweep):
        assert f"{folder / 'metrics.csv'} does not exist" in message(capsys, curves, folder, sweep / "a.png")
    (sweep / "1" / "metrics.csv").write_text("a page\n")
    assert "is not the table of a run" in message(capsys, curves, sweep / "1", sweep / "a.png")
    text = message(capsys, curves, sweep / "0", sweep / "a.png", "--released", sweep / "0")
    assert f"{sweep / '0'} is not the folder of a sweep" in text
    assert "No such file" in message(capsys, curves, sweep / "0", sweep / "nowhere" / "a.png")
    assert not (sweep / "a.png").exists()


def test_table(load: Load, sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load("table").main([str(sweep)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "| 1 / 1 / 5 / 200 | exp=1 | 1 | 10.00 | 1.00 | - | 1.00 | - | - | 0.1 | - | - |",
        "| 1 / 10 / 5 / 200 | exp=10 | 1 | 11.00 | 2.00 | - | 0.99 | - | - | 0.1 | - | - |",
    ]


def test_table_of_what_is_no_sweep(load: Load, sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = load("table")
    for folder in (sweep / "nowhere", sweep / "0"):
        # Not even the part of the table that is right is printed.
        assert f"{folder} is not the folder of a sweep" in message(capsys, table, sweep, folder)
    (sweep / "sweep.json").write_text(json.dumps({"jobs": []}))
    assert "swept" in message(capsys, table, sweep)
    with pytest.raises(SystemExit) as stop:
        table.main([])
    assert stop.value.code == 2


def samples(run: Path, step: int) -> Path:
    return run / "samples" / f"step-{step:06d}"


def test_sheet_of_steps(load: Load, sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = load("steps")
    rows = steps.sheet_rows([samples(sweep / "0", 10), samples(sweep / "1", 20)], curves=True)
    assert [label for label, _ in rows] == [
        "input, brightness 0.25",
        "exp=1 after 10 steps, saturation 1.00 of the input's, PSNR 10.0 dB",
        steps.CURVES,
        "exp=10 after 20 steps, saturation 0.99 of the input's, PSNR 11.0 dB",
        steps.CURVES,
    ]
    for (_, pictures), side in zip(rows[2:], ("curves", "output", "curves"), strict=True):
        run, step = ("0", 10) if pictures is rows[2][1] else ("1", 20)
        for number, pixels in enumerate(pictures):
            with Image.open(samples(sweep / run, step) / f"{number:02d}_{side}.png") as image:
                np.testing.assert_array_equal(pixels, np.asarray(image))
    # From within the run's folder, too.
    monkeypatch.chdir(sweep / "0")
    steps.main(["sheet.jpg", "samples/step-000010"])
    with Image.open("sheet.jpg") as image:
        assert image.format == "JPEG"
        assert image.width == 3 * (steps.CELL + 8) + 8


def test_sheet_of_what_is_no_step(load: Load, sweep: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    steps = load("steps")
    good, sheet = samples(sweep / "0", 10), tmp_path / "sheet.png"
    for folder in (sweep / "0", sweep, samples(sweep / "0", 15), good / "00_input.png", sweep / "samples" / "step-*"):
        assert f"{folder} is no folder of sample pictures" in message(capsys, steps, sheet, good, folder)
    other = SweepMaker(tmp_path / "other", [{"exp": 1}], make_pictures(2)).run(0, [10])
    assert "shows other inputs" in message(capsys, steps, sheet, good, samples(other, 10))
    for picture in good.glob("*_curves.png"):
        picture.unlink()
    assert "holds no pictures *_curves.png" in message(capsys, steps, sheet, good, "--curves")
    assert "must end in .png or .jpg" in message(capsys, steps, tmp_path / "sheet", good)
    assert "No such file" in message(capsys, steps, tmp_path / "nowhere" / "sheet.png", good)
    assert not sheet.exists()
