from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tests.helpers.photographs import exif_block, thumbnail
from zero_dce.images.exif import drop_thumbnail, exif_in_box, orientation_of, set_upright


def pillow(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_the_orientation(order: str, orientation: int | None) -> None:
    block = exif_block(order, orientation)
    assert orientation_of(block) == (orientation or 1)
    turned = set_upright(block)
    assert pillow(turned).get(ExifTags.Base.Orientation) == (1 if orientation else None)
    assert len(turned) == len(block)
    assert sum(a != b for a, b in zip(block, turned, strict=True)) <= 2, "nothing else is touched"


def test_an_orientation_that_is_none_counts_as_upright() -> None:
    assert orientation_of(exif_block(orientation=9)) == 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_thumbnail_goes_and_everything_else_stays_in_its_place(order: str) -> None:
    block = exif_block(order)
    assert thumbnail() in block
    assert pillow(block).get_ifd(ExifTags.IFD.IFD1), "there is one to drop"
    small = drop_thumbnail(block)
    assert b"\xff\xd8" not in small
    assert not pillow(small).get_ifd(ExifTags.IFD.IFD1)
    assert small == drop_thumbnail(small)
    changed = [at for at in range(len(small)) if small[at] != block[at]]
    assert len(changed) <= 4, "but for the pointer to the thumbnail's directory"
    assert pillow(small).get_ifd(ExifTags.IFD.Exif)[37500] == b"Maker\0" + bytes(range(200))


def test_a_thumbnail_in_the_middle_becomes_zeros() -> None:
    block = exif_block() + b"what a maker put behind it"
    small = drop_thumbnail(block)
    assert len(small) == len(block)
    assert small.endswith(bytes(20) + b"what a maker put behind it")
    assert thumbnail() not in small


def test_a_thumbnail_that_would_be_everything_is_only_unlinked() -> None:
    """A damaged entry points to the block's start, which is no JPEG."""
    block = bytearray(exif_block())
    at = block.index(struct.pack("<HHI", 513, 4, 1)) + 8
    block[at : at + 4] = struct.pack("<I", 0)
    small = drop_thumbnail(bytes(block))
    assert len(small) == len(block)
    assert not pillow(small).get_ifd(ExifTags.IFD.IFD1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=6), st.integers(0, 1200))
def test_damaged_blocks_are_taken_as_they_are(changes: list[tuple[int, int]], length: int) -> None:
    block = bytearray(exif_block())
    for place, value in changes:
        block[place % len(block)] = value
    damaged = bytes(block[:length])
    assert 1 <= orientation_of(damaged) <= 8
    assert len(set_upright(damaged)) == len(damaged)
    assert len(drop_thumbnail(damaged)) <= len(damaged)


def test_the_block_in_a_box_follows_what_its_first_bytes_count() -> None:
    assert exif_in_box(b"") == b""
    assert exif_in_box(bytes(4) + b"II*\0") == exif_in_box(b"\0\0\0\6Exif\0\0II*\0") == b"II*\0"
    assert exif_in_box(bytes(4) + b"Exif\0\0II*\0") == b"II*\0"
