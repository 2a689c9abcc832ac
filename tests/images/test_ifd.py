from __future__ import annotations

import io
import struct

import pytest

from zero_dce.images.ifd import ByteLayout, read_directory, read_header


def block(order: str, big: bool = False) -> bytes:
    """A file of one directory: a short, two longs that lie after it, a text, and a tag of an unknown type."""
    offset = "Q" if big else "I"
    entries = [(256, 3, 1, 640), (257, 3, 0, 0), (273, 4, 2, 1000), (270, 2, 2, 0), (700, 99, 1, 0)]
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    header += struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)
    table = struct.pack(order + ("Q" if big else "H"), len(entries))
    after = len(header) + len(table) + len(entries) * (20 if big else 12) + (8 if big else 4)
    for number, type_, count, value in entries:
        table += struct.pack(order + "HH" + offset, number, type_, count)
        if number == 273:
            stored = struct.pack(order + "II", value, 2000) if big else struct.pack(order + "I", after)
        else:
            stored = struct.pack(order + "H", value)
        table += stored.ljust(8 if big else 4, b"\0")
    return header + table + struct.pack(order + offset, 77) + struct.pack(order + "II", 1000, 2000)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_directory(order: str, big: bool) -> None:
    stream = io.BytesIO(block(order, big))
    layout, start = read_header(stream)
    assert layout == ByteLayout(order, big)
    directory = read_directory(stream, layout, start)
    assert sorted(directory.entries) == [256, 257, 270, 273], "unknown types are left out"
    assert (directory.number(256), directory.numbers(273), directory.next) == (640, (1000, 2000), 77)
    assert (directory.number(258, 8), directory.numbers(338, ())) == (8, ())
    with pytest.raises(ValueError, match="its tag 258 is missing"):
        directory.number(258)
    with pytest.raises(ValueError, match="its tag 257 is empty"):
        directory.number(257)
    with pytest.raises(ValueError, match="its tag 270 is of type 2 and should be a whole number"):
        directory.number(270)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"GIF89a", "it does not start as a TIFF file does"),
        (b"II\x2b\0\4\0\0\0", "version 43"),
        (b"II\x2c\0\x08\0\0\0", "it is of version 44 of TIFF"),
        (b"II\x2a\0\x08", "truncated inside its tags"),
    ],
)
def test_what_is_no_header(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_header(io.BytesIO(content))


def test_a_damaged_directory() -> None:
    content = block("<")
    layout = ByteLayout("<")
    for start in (0, len(content)):
        with pytest.raises(ValueError, match="its tags lie outside the file"):
            read_directory(io.BytesIO(content), layout, start)
    with pytest.raises(ValueError, match="it has 65535 tags, more than fit into the file"):
        read_directory(io.BytesIO(content[:8] + b"\xff\xff" + content[10:]), layout, 8)
    directory = read_directory(io.BytesIO(content[:-4]), layout, 8)
    with pytest.raises(ValueError, match="the value of its tag 273 lies outside the file"):
        directory.numbers(273)
