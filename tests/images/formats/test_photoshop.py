from __future__ import annotations

import struct

import pytest

from zero_dce.images.formats.photoshop import drop_previews


def resource(number: int, content: bytes, name: bytes = b"") -> bytes:
    label = bytes((len(name),)) + name
    label += bytes(len(label) % 2)
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + label
        + struct.pack(">I", len(content))
        + content
        + bytes(len(content) % 2)
    )


CAPTION, PATH = resource(1028, b"caption"), resource(2000, bytes(26), b"Path 1")
PREVIEW = resource(1036, b"thumbnail of the old picture")


def test_previews_go_and_the_rest_stays() -> None:
    assert drop_previews(CAPTION + PREVIEW + PATH + resource(1033, b"old")) == CAPTION + PATH
    assert drop_previews(CAPTION) == CAPTION
    assert drop_previews(b"") == b""
    assert drop_previews(PREVIEW) == b""


@pytest.mark.parametrize("rest", [b"8BIM", b"garbage" * 4, PREVIEW[:-9], b"8BIM\4\x0c\xff" + bytes(9)])
def test_what_is_damaged_stays_as_it_is(rest: bytes) -> None:
    assert drop_previews(CAPTION + rest) == CAPTION + rest


def test_the_last_ones_padding_may_be_missing() -> None:
    assert drop_previews(PREVIEW + CAPTION[:-1]) == CAPTION[:-1]


def test_many_resources_are_read_in_one_pass() -> None:
    many = resource(2000, b"") * 100_000
    assert drop_previews(PREVIEW + many) == many
