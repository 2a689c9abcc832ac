from __future__ import annotations

import pytest

from zero_dce.images.formats.av1 import av1_colours


def obus(bits: str, head: bytes = b"\x0a") -> bytes:
    """A delimiter, which is empty, and a sequence header with its length."""
    count = (len(bits) + 7) // 8
    header = int(bits.ljust(8 * count, "0"), 2).to_bytes(count)
    return b"\x12\0" + head + bytes((len(header),)) + header


# A still picture of 64 x 48 pixels: 6 bits each; then six tools, and 8 bits with colour.
PICTURE = "1" + "1" + "00000" + "0101" + "0101" + "111111" + "101111" + "000000"
P3 = "1" + "00001100" + "00001101" + "00000110"


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ("000" + PICTURE + "0" + "0" + P3, (12, 13, 6)),
        ("000" + PICTURE + "1" + "0" + P3, (12, 13, 6)),
        ("001" + PICTURE + "1" + P3, (12, 13, 6)),
        ("010" + PICTURE + "1" + "1" + "0" + P3, (12, 13, 6)),
        ("010" + PICTURE + "0" + "0" + P3, (12, 13, 6)),
        ("000" + PICTURE + "0" + "1" + "0", (2, 2, 2)),
        ("000" + "00" + PICTURE[2:], None),
        ("000" + PICTURE[:-6], None),
    ],
    ids=["8 bits", "10 bits", "4:4:4", "12 bits", "4:2:2", "not said", "a film", "truncated"],
)
def test_colours_of_a_header(bits: str, expected: tuple[int, int, int] | None) -> None:
    assert av1_colours(obus(bits)) == expected
    # With an extension of one byte.
    assert av1_colours(obus(bits, b"\x0e\0")) == expected


@pytest.mark.parametrize("code", [b"", b"\x12", b"\x12\0", b"\x0a", b"\x0a\xff", b"\x12" + b"\xff" * 20, bytes(1000)])
def test_there_is_no_header(code: bytes) -> None:
    assert av1_colours(code) is None
