from __future__ import annotations

import pytest

from zero_dce.images.formats.bmff import FileBox, first_box, make_box, read_boxes


def test_boxes_come_back() -> None:
    content = make_box(b"ftyp", b"avif") + make_box(b"free") + b"\0\0\0\1" + b"wide" + (20).to_bytes(8) + b"long"
    boxes = [FileBox(b"ftyp", b"avif"), FileBox(b"free", b""), FileBox(b"wide", b"long")]
    assert read_boxes(content) == boxes
    assert first_box(boxes, b"wide") == b"long"
    assert first_box(boxes, b"meta") is None


def test_the_last_box_may_reach_to_the_end() -> None:
    assert read_boxes(b"\0\0\0\0mdatpixels") == [FileBox(b"mdat", b"pixels")]


@pytest.mark.parametrize(
    "content", [b"\0\0\0\x10mdat", b"\0\0\0\4mdat", b"\0\0", b"\0\0\0\1mdat" + (9).to_bytes(8) + b"a"]
)
def test_damaged_boxes(content: bytes) -> None:
    with pytest.raises(ValueError, match="truncated or damaged inside its box"):
        read_boxes(content)
