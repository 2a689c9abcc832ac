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
