from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from tests.endurance.bombs.jpeg import jpeg_with, segment
from tests.endurance.bombs.parts import overlapping_exif
from tests.endurance.picture_seeds import with_pillow
from zero_dce.images.capacity import check_jpeg_scans
from zero_dce.images.jpeg_file import MOST_SCANS, BareJpegFile, jpeg_markers

SCAN = segment(0xDA, b"\1\1\0\1\x3f\0") + b"\0\xff\0\xff\xd0"


def with_scans(count: int, **options: bool) -> bytes:
    """A JPEG with so many scans in all."""
    jpeg = with_pillow("JPEG", **options)
    has = sum(marker == 0xDA for marker, _ in jpeg_markers(jpeg, 2))
    return jpeg[:-2] + SCAN * (count - has) + b"\xff\xd9"


def test_as_many_scans_as_any_encoder_makes_and_more() -> None:
    check_jpeg_scans(io.BytesIO(with_scans(MOST_SCANS, progressive=True)))
    with pytest.raises(ValueError, match="it has more than 500 scans: it is damaged, or a decompression bomb"):
        check_jpeg_scans(io.BytesIO(with_scans(MOST_SCANS + 1, progressive=True)))


def test_other_code_and_pictures_behind_the_first_are_not_counted() -> None:
    plain = with_pillow("JPEG")
    check_jpeg_scans(io.BytesIO(plain + SCAN * 1000))
    check_jpeg_scans(io.BytesIO(with_pillow("JPEG", progressive=True) + SCAN * 1000))
    check_jpeg_scans(io.BytesIO(with_pillow("PNG")))
    # A sequential file whose first scan has one of its three components has further ones.
    first = plain.index(b"\xff\xda")
    with pytest.raises(ValueError, match="more than 500 scans"):
        check_jpeg_scans(io.BytesIO(plain[:first] + SCAN * 1000 + b"\xff\xd9"))


def test_only_the_start_of_a_plain_file_is_read() -> None:
    stream = io.BytesIO(with_pillow("JPEG", size=(700, 700), quality=95))
    check_jpeg_scans(stream)
    assert stream.tell() < len(stream.getvalue())


def test_pillow_has_the_method_that_is_replaced() -> None:
    """It is private: under another name, Pillow would read the tags again."""
    assert callable(JpegImageFile._read_dpi_from_exif)
    assert BareJpegFile._read_dpi_from_exif is not JpegImageFile._read_dpi_from_exif


def test_no_tag_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow reads them all for a resolution: if it did so in another way, this would no longer hold."""
    monkeypatch.setattr(Image.Exif, "load", lambda *_: pytest.fail("the tags are read"))
    block = b"Exif\0\0" + overlapping_exif(50, 1000)
    content = jpeg_with(segment(0xE1, block))
    assert BareJpegFile(io.BytesIO(content)).info["exif"] == block
    with pytest.raises(pytest.fail.Exception):
        JpegImageFile(io.BytesIO(content))


def test_pixels_are_those_that_pillow_reads(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg_with())
    with BareJpegFile(tmp_path / "a.jpg") as bare, Image.open(tmp_path / "a.jpg") as plain:
        assert (bare.format, bare.size, bare.tobytes()) == ("JPEG", plain.size, plain.tobytes())
