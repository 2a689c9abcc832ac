from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.photographs import exif_block, pixels, round_trip, thumbnail
from tests.images.formats.test_png import chunk, chunks, make_png, read_back
from tests.images.test_decode import wide_profile
from zero_dce.images import ImageReadError
from zero_dce.images.exif import drop_thumbnail
from zero_dce.images.formats import read_photograph
from zero_dce.images.formats.png_chunks import Chunk, Chunks, Header


@pytest.mark.parametrize("depth", [8, 16])
def test_everything_beside_the_pixels_is_kept_byte_for_byte(depth: int, tmp_path: Path) -> None:
    profile = b"a wide space\0\0" + zlib.compress(wide_profile() + bytes(3 << 20))
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    kept = [
        (b"iCCP", profile),
        (b"gAMA", struct.pack(">I", 45455)),
        (b"cHRM", bytes(32)),
        (b"cICP", bytes((9, 16, 0, 1))),
        (b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        (b"tIME", bytes((7, 232, 5, 1, 1, 1, 1))),
        (b"iTXt", xmp),
        (b"tEXt", b"Author\0somebody"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"nothing")),
        (b"prVt", b"private and safe to copy"),
    ]
    gone = [(b"sBIT", bytes((5, 5, 5))), (b"bKGD", bytes(6)), (b"caBX", b"signature"), (b"iDOT", bytes(28))]
    late = [(b"tEXt", b"Title\0behind the pixels"), (b"eXIf", exif_block())]
    before = [chunk(*one) for one in kept + gone]
    values = pixels((20, 30, 3), f"uint{depth}")
    content = make_png(values, 2, depth, *before, after=b"".join(chunk(*one) for one in late))
    (tmp_path / "a.png").write_bytes(content)
    picture, written = round_trip(tmp_path / "a.png")
    assert picture.notices == [
        "chunks about the old pixels: caBX: left out",
        "PQ (HDR): light above its reference white, 203 cd/m2, becomes white",
    ]
    found = chunks(written)
    assert [one for one in found if one[0] not in (b"IHDR", b"IDAT", b"IEND")] == [
        *kept,
        late[0],
        (b"eXIf", drop_thumbnail(exif_block())),
    ]
    assert found[1] == kept[0], "before the pixels, as the standard asks for"
    assert thumbnail() not in written.read_bytes()
    assert picture.kept.orientation == 6
    assert np.array_equal(read_back(written), values)
    assert round_trip(written)[1].read_bytes() == written.read_bytes()


def test_a_wrong_checksum_is_no_picture(tmp_path: Path) -> None:
    """Pillow does not look at those of pixels, and would show other ones."""
    content = bytearray(make_png(pixels((20, 30, 3)), 2, 8))
    content[content.index(b"IDAT") + 30] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageReadError, match=r"a\.png as an image: .*checksum of its chunk 'IDAT' is wrong"):
        read_photograph(tmp_path / "a.png")


def test_any_number_of_kinds_that_are_left_out() -> None:
    kinds = [
        bytes((65 + one, 65 + two, 65 + three, 65)) for one in range(25) for two in range(25) for three in range(25)
    ]
    chunks = Chunks(Header(1, 1, 8, 0))
    for kind in kinds * 2:
        chunks.add(Chunk(kind, b""))
    assert list(chunks.left_out) == [kind.decode() for kind in kinds]
