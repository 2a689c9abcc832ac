from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from tests.endurance.picture_bombs import jpeg_with, overlapping_exif, segment
from zero_dce.images.jpeg_file import BareJpegFile


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
