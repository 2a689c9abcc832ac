from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.helpers.photographs import exif_block, pixels
from tests.images.test_decode import AS_STORED, wide_profile
from zero_dce.images.canvas import ArrayCanvas, Canvas, PillowCanvas
from zero_dce.images.formats import Photograph, read_photograph, save_photograph, turn_upright, upright


def stored(orientation: int, suffix: str, folder: Path) -> tuple[Photograph, np.ndarray]:
    """A picture in a file as it is stored, and upright as a person sees it."""
    expected = pixels((20, 30, 3))
    image = Image.fromarray(expected)
    operation = AS_STORED[orientation]
    turned = np.asarray(image if operation is None else image.transpose(operation))
    file = folder / f"a.{suffix}"
    if suffix == "tif":
        extra = [(274, 3, 1, orientation, True)]
        tifffile.imwrite(file, turned, photometric="rgb", metadata=None, extratags=extra, iccprofile=wide_profile())
    else:
        exif = exif_block(orientation=orientation)
        Image.fromarray(turned).save(file, lossless=True, exif=exif, icc_profile=wide_profile())
    return read_photograph(file), expected


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", AS_STORED)
def test_turned_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    picture, expected = stored(orientation, suffix, tmp_path)
    canvas = turn_upright(picture, picture.canvas)
    assert (canvas.width, canvas.height) == (30, 20)
    assert np.array_equal(canvas.read((0, 0, 30, 20)), expected)
    save_photograph(upright(picture), canvas, tmp_path / f"b.{suffix}")
    with Image.open(tmp_path / f"b.{suffix}") as written:
        assert written.getexif().get(274) == 1
        assert written.info["icc_profile"] == wide_profile()
        assert np.array_equal(np.asarray(written), expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_two_side_by_side(suffix: str, tmp_path: Path) -> None:
    picture, expected = stored(6, suffix, tmp_path)
    both = np.concatenate((expected, expected), axis=1)
    canvas: Canvas = ArrayCanvas(both) if suffix == "tif" else PillowCanvas(Image.fromarray(both))
    save_photograph(upright(picture), canvas, tmp_path / f"b.{suffix}")
    with Image.open(tmp_path / f"b.{suffix}") as written:
        assert np.array_equal(np.asarray(written), both)


def test_without_an_orientation_nothing_is_turned(tmp_path: Path) -> None:
    Image.fromarray(pixels((20, 30, 3))).save(tmp_path / "a.bmp")
    picture = read_photograph(tmp_path / "a.bmp")
    assert turn_upright(picture, picture.canvas) is picture.canvas
    assert upright(picture) == replace(picture)
