from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import pixels
from tests.images.test_decode import AS_STORED, wide_profile
from zero_dce.images.canvas import ArrayCanvas, PillowCanvas
from zero_dce.images.colour import icc_space
from zero_dce.images.decode import decode
from zero_dce.images.view import SrgbView


@pytest.mark.parametrize("orientation", AS_STORED)
def test_every_orientation_is_read_and_written_upright(orientation: int) -> None:
    upright = pixels((20, 30, 3))
    operation = AS_STORED[orientation]
    image = Image.fromarray(upright)
    stored = image if operation is None else image.transpose(operation)
    view = SrgbView(PillowCanvas(stored), orientation)
    assert (view.width, view.height, view.dtype, view.bits) == (30, 20, np.uint8, 8)
    copy = view.blank()
    for box in ((0, 0, 30, 7), (0, 7, 11, 20), (11, 7, 30, 20)):
        left, top, right, bottom = box
        assert np.array_equal(view.read(box), upright[top:bottom, left:right])
        copy.write(box, view.read(box))
    assert isinstance(copy.stored, PillowCanvas)
    assert np.array_equal(np.asarray(copy.stored.image), np.asarray(stored))


def test_a_profile_has_16_bits_between_and_8_where_it_is_stored() -> None:
    space, _ = icc_space(wide_profile())
    # These colours lie inside sRGB.
    stored = (pixels((8, 9, 3)) // 8 + 100).astype(np.uint8)
    view = SrgbView(PillowCanvas(Image.fromarray(stored)), 1, space)
    assert (view.dtype, view.bits) == (np.uint16, 8)
    copy = view.blank()
    copy.write((0, 0, 9, 8), view.read((0, 0, 9, 8)))
    assert np.abs(copy.stored.read((0, 0, 9, 8)).astype(int) - stored).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_multiplied_by_alpha(dtype: type[np.unsignedinteger]) -> None:
    white = np.iinfo(dtype).max
    values = np.array([[[white // 4, white // 8, 0, white // 2], [0, 0, 0, 0], [white, white // 2, 1, white]]], dtype)
    view = SrgbView(ArrayCanvas(values), alpha=values[..., 3])
    colours = view.read((0, 0, 3, 1)) / 65535
    expected = [[0.5, 0.25, 0], [0, 0, 0], [1, 0.5, 0]]
    assert np.abs(colours[0] - expected).max() <= 0.01
    copy = view.blank()
    copy.write((0, 0, 3, 1), view.read((0, 0, 3, 1)))
    assert isinstance(copy.stored, ArrayCanvas)
    assert np.array_equal(copy.stored.pixels, values)
    copy.write((0, 0, 3, 1), np.full((1, 3, 3), 65535, np.uint16))
    assert np.array_equal(copy.stored.pixels[..., :3], np.repeat(values[..., 3:], 3, axis=2)), "white is its alpha"
    small = view.blank((2, 1))
    assert small.dtype == view.dtype
    small.write((0, 0, 2, 1), np.full((1, 2, 3), 65535, np.uint16))
    assert (small.stored.read((0, 0, 2, 1)) == white).all()


@pytest.mark.shared
def test_both_sides_read_the_same(shared: Path) -> None:
    """What training decodes is what enhancing computes on."""
    from zero_dce.images.formats import read_photograph

    files = sorted((shared / "cases").glob("*.[jt][pi][gf]"))
    assert len(files) == 8
    for file in files:
        decoded = decode(file, lambda width, height: (width, height))
        view = read_photograph(file).view()
        seen = view.read((0, 0, view.width, view.height))
        levels = seen / (257 if seen.dtype == np.uint16 else 1)
        # Pillow's own conversion of a JPEG's profile is a coarse table.
        assert np.abs(decoded.pixels - levels).max() <= 6, file.name
        assert np.abs(decoded.pixels - levels).mean() <= 0.5, file.name


class OneWay:
    """A space that inverts colours, and has no way back."""

    description = "one way"
    invertible = False

    def to_srgb(self, stored: np.ndarray) -> np.ndarray:
        return 65535 - stored.astype(np.uint16) * 257

    def from_srgb(self, seen: np.ndarray) -> np.ndarray:
        raise AssertionError("there is no way back")


def test_a_space_without_a_way_back_is_converted_once() -> None:
    stored = pixels((8, 9, 3))
    view = SrgbView(PillowCanvas(Image.fromarray(stored)), 1, OneWay())
    box = (0, 0, 9, 8)
    for copy in (view.blank(), view.blank((9, 8))):
        assert copy.dtype == view.dtype
        copy.write(box, view.read(box))
        assert np.array_equal(copy.read(box), view.read(box))
        assert np.array_equal(copy.stored.read(box), 255 - stored)
