from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.helpers.photographs import exif_block, pixels
from zero_dce.images.formats.bmff import make_box
from zero_dce.images.formats.bmff_items import XMP_TYPE, read_container


def avif(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels((48, 64, 3))).save(stream, "AVIF", **options)
    return stream.getvalue()


def test_what_another_program_has_written() -> None:
    block = exif_block(orientation=6, with_thumbnail=False)
    container = read_container(avif(exif=b"Exif\0\0" + block, xmp=b"<x/>"))
    # Pillow moves the orientation into the container.
    assert b"A camera" in container.first(b"Exif")
    assert container.first(b"mime", XMP_TYPE) == b"<x/>"
    assert container.first(b"hvc1") == b""
    size = container.find(b"ispe")
    assert size is not None
    assert (int.from_bytes(size[4:8]), int.from_bytes(size[8:12])) == (64, 48)
    # Orientation 6 is three quarter turns to the left.
    assert container.find(b"irot") == b"\3"
    assert container.find(b"imir") is None


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (make_box(b"ftyp", b"avif"), "it holds no picture"),
        (make_box(b"meta", bytes(4)), "it names no main picture"),
        (make_box(b"meta", bytes(4), make_box(b"pitm", bytes(6))), "it lists no items"),
        (make_box(b"meta", bytes(4), make_box(b"pitm", bytes(6)), make_box(b"iinf", bytes(6))), "where its items lie"),
    ],
)
def test_damaged_containers(file: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_container(file)


def test_content_outside_the_file() -> None:
    file = avif(exif=b"Exif\0\0" + exif_block())
    with pytest.raises(ValueError, match="outside the file"):
        read_container(file[: file.index(b"mdat") - 4] + make_box(b"mdat", b"a")).first(b"Exif")


def container_of(locations: bytes, *further: bytes) -> bytes:
    """A file whose first item is EXIF that lies where a table says."""
    entry = make_box(b"infe", b"\2\0\0\0", b"\0\1\0\0Exif")
    tables = make_box(b"pitm", bytes(6)), make_box(b"iinf", bytes(4), b"\0\1", entry), make_box(b"iloc", locations)
    return make_box(b"meta", bytes(4), *tables) + b"".join(further)


def test_pieces_of_no_length_reach_to_the_end_and_are_no_longer_than_the_file() -> None:
    """The header of the table: version 0, places and lengths of four bytes, one item of number 1."""
    head = bytes(4) + b"\x44\0\0\1" + b"\0\1\0\0"
    once = container_of(head + b"\0\1" + bytes(8))
    assert read_container(once).first(b"Exif") == once
    with pytest.raises(ValueError, match="an item is longer than the file"):
        read_container(container_of(head + (1000).to_bytes(2) + bytes(8000))).first(b"Exif")
    beyond = container_of(head + b"\0\2" + b"\0\1\0\0" + bytes(4) + bytes(8))
    with pytest.raises(ValueError, match="outside the file"):
        read_container(beyond).first(b"Exif")


@pytest.mark.parametrize("version", [0, 1])
def test_a_short_table_lists_few_pieces(version: int) -> None:
    """Fields of no size: each item takes few bytes, and says that it has 65,535 pieces."""
    item = b"\0\1" + bytes(2) * (1 + version) + b"\xff\xff"
    table = bytes((version, 0, 0, 0)) + bytes(2) + (100).to_bytes(2)
    items = b"".join(number.to_bytes(2) + item[2:] for number in range(1, 101))
    container = read_container(container_of(table + items))
    assert sum(len(item.extents) for item in container.items.values()) == 100


@pytest.mark.parametrize("version", [0, 1])
def test_a_grid_has_the_properties_of_its_tiles(version: int) -> None:
    """Item 1 is a grid of the items 3 and 4; the properties of item 2, its alpha, come first."""
    size = 4 if version else 2
    tiles = b"".join(number.to_bytes(size) for number in (3, 4))
    alpha = make_box(b"auxl", (2).to_bytes(size) + b"\0\1" + (1).to_bytes(size))
    references = bytes((version, 0, 0, 0)) + alpha + make_box(b"dimg", (1).to_bytes(size) + b"\0\2" + tiles)
    known = make_box(b"ipco", make_box(b"av1C", b"alpha"), make_box(b"av1C", b"tile"), make_box(b"ispe", b"grid"))
    uses = bytes(4) + (4).to_bytes(4) + b"\0\1\1\3" + b"\0\2\1\1" + b"\0\3\1\2" + b"\0\4\1\2"
    entry = make_box(b"infe", b"\2\0\0\0", b"\0\1\0\0grid")
    tables = (
        make_box(b"pitm", bytes(4) + b"\0\1"),
        make_box(b"iinf", bytes(4), b"\0\1", entry),
        make_box(b"iloc", bytes(8)),
        make_box(b"iprp", known, make_box(b"ipma", uses)),
    )
    grid = read_container(make_box(b"meta", bytes(4), *tables, make_box(b"iref", references)))
    assert grid.properties == [(b"ispe", b"grid")]
    assert grid.tile_properties == [(b"av1C", b"tile")]
    plain = read_container(make_box(b"meta", bytes(4), *tables))
    assert plain.tile_properties == plain.properties
