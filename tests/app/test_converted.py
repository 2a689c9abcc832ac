from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from zero_dce.app.converted import ConvertedOnce
from zero_dce.images.colour import srgb_profile
from zero_dce.images.formats import read_photograph


def test_it_reads_as_the_view_and_writes_to_it(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif, icc_profile=srgb_profile())
    view = read_photograph(tmp_path / "a.png").view()
    for keep in (True, False):
        canvas = ConvertedOnce(view, keep)
        assert (canvas.width, canvas.height, canvas.bits, canvas.dtype) == (20, 30, 8, view.dtype)
        np.testing.assert_array_equal(canvas.read((3, 5, 18, 30)), view.read((3, 5, 18, 30)))
        written = canvas.blank()
        written.write((3, 5, 18, 30), view.read((3, 5, 18, 30)))
        np.testing.assert_array_equal(written.view.read((3, 5, 18, 30)), view.read((3, 5, 18, 30)))
        assert not written.read((0, 0, 20, 5)).any()


def test_kept_pixels_are_read_once(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6), (9, 9, 9)).save(tmp_path / "a.png")
    view = read_photograph(tmp_path / "a.png").view()
    canvas = ConvertedOnce(view, keep=True)
    view.write((0, 0, 8, 6), np.zeros((6, 8, 3), np.uint8))
    copy = canvas.read((0, 0, 8, 6))
    assert (copy == 9).all()
    copy[:] = 1
    assert (canvas.read((0, 0, 8, 6)) == 9).all(), "what is read is a copy"
