from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import zero_dce
from tests.helpers.enhancing import enhance
from tests.helpers.photographs import pixels
from tests.images.test_decode import make_profile
from zero_dce.enhance.results import Extras
from zero_dce.images.colour import icc_space


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


def test_the_profile_decides_what_is_enhanced_and_the_result_keeps_it(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A linear picture and the same in sRGB come out alike, also in comparisons and in Python."""
    monkeypatch.chdir(tmp_path)
    dark = (pixels((40, 50, 3), "uint16") // 6).astype(np.uint16)
    linear = make_profile({"r": (0.64, 0.33), "g": (0.30, 0.60), "b": (0.15, 0.06)}, gamma=1.0, name="linear")
    space, _ = icc_space(linear)
    assert space is not None
    tifffile.imwrite("linear.tif", dark, photometric="rgb", iccprofile=linear, metadata=None)
    tifffile.imwrite("srgb.tif", space.to_srgb(dark), photometric="rgb", metadata=None)
    assert enhance(weights, "linear.tif", "srgb.tif", "--compare") == 0
    for name in ("linear", "linear_compare"):
        with tifffile.TiffFile(f"out/{name}.tif") as file:
            assert file.pages.first.tags.valueof(34675) == linear
            seen = space.to_srgb(file.pages.first.asarray()).astype(int)
        assert np.abs(seen - tifffile.imread(f"out/{name.replace('linear', 'srgb')}.tif")).max() <= 2 * 257
    eight = Image.fromarray((dark >> 8).astype(np.uint8))
    eight.info["icc_profile"] = linear
    enhanced = zero_dce.enhance(eight, weights, precision="float32")
    assert enhanced.info["icc_profile"] == linear
    expected = zero_dce.enhance(space.to_srgb(np.asarray(eight)), weights)
    seen = space.to_srgb(np.asarray(enhanced)).astype(int)
    # One of 255 levels of light is many of sRGB in the dark.
    assert np.abs(seen - expected).mean() <= 2 * 257
