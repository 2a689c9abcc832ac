from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.enhancing import enhance
from zero_dce.enhance.results import Extras


def size(file: str) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.size


def files(folder: str) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in Path(folder).rglob("*") if file.is_file())


def test_comparison_and_maps(photos: Path, weights: Path) -> None:
    assert enhance(weights, "photos/trip/b.jpg", "photos/a.png", "--compare", "--maps") == 0
    assert files("out") == ["a.png", "a_compare.png", "a_curves.png", "b.jpg", "b_compare.jpg", "b_curves.png"]
    before, after, both = (np.asarray(Image.open(name)) for name in ("photos/a.png", "out/a.png", "out/a_compare.png"))
    assert np.array_equal(both[:, :48], before)
    assert np.array_equal(both[:, -48:], after)
    assert (both[:, 48:-48] == 64).all()
    # Stored sideways, shown upright.
    assert size("out/b.jpg") == (48, 32)
    assert size("out/b_curves.png") == (32, 48)
    with Image.open("out/b_compare.jpg") as image:
        assert image.size == (2 * 32 + 8, 48)
        assert image.getexif()[0x0112] == 1


def test_a_large_comparison_fits_a_screen(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.repeat(np.arange(3000, dtype=np.uint16)[None] * 20, 9, axis=0)).save("wide.png")
    assert enhance(weights, "wide.png", "--compare", "--strength", "0") == 0
    both = np.asarray(Image.open("out/wide_compare.png"))
    assert both.dtype == np.uint16
    assert both.shape == (5, 2 * 1500 + 8)
    assert (both[:, 1500:-1500] == 64 * 257).all(), "the grey of 8 bits"
    assert np.array_equal(both[0, :1500], np.arange(1500) * 40 + 10)


def test_the_files_of_a_result() -> None:
    output = Path("out/a.jpg")
    assert Extras().files(output) == [output]
    assert Extras(maps=True).files(output) == [output, Path("out/a_curves.png")]
    assert Extras(compare=True, maps=True).files(output)[1] == Path("out/a_compare.jpg")
