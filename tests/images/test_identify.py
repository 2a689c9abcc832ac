from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import pixels
from zero_dce.images.identify import PNG_START, goes_to_reader


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jpg", False), ("a.png", False), ("a.webp", False), ("a.tif", True), ("a.avif", True), ("a.jp2", True)],
)
def test_what_pillow_reads_in_full(name: str, expected: bool, tmp_path: Path) -> None:
    Image.fromarray(pixels((24, 32, 3))).save(tmp_path / name)
    with (tmp_path / name).open("rb") as stream:
        assert goes_to_reader(stream, tmp_path / name) == expected
        assert stream.tell() == 0


def test_raw_files_are_told_by_their_names(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.jpg")
    with (tmp_path / "a.jpg").open("rb") as stream:
        assert goes_to_reader(stream, Path("a.NEF"))
        assert not goes_to_reader(stream, Path("a.jpg"))


def test_no_more_is_read_than_there_is(tmp_path: Path) -> None:
    """Python sets aside as much memory as a read may return."""

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size < 1000
            return super().read(size)

    stream = Watched(PNG_START + b"\0\0\0\x0dIHDR" + bytes(17) + b"\xff\xff\xff\xffiCCP" + bytes(50))
    assert not goes_to_reader(stream, tmp_path / "a.png")
