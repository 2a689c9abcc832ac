from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from tests.endurance.bombs.jp2 import jp2_code
from tests.endurance.picture_seeds import with_pillow
from tests.helpers.photographs import pixels
from zero_dce.images.formats.jp2_code import read_codestream


def test_what_a_header_says() -> None:
    code = bytes(imagecodecs.jpeg2k_encode(pixels((16, 20, 3)), codecformat="J2K", reversible=True))
    assert read_codestream(code) == (20, 16, 8, 3, True, (20, 16))
    lossy = bytes(imagecodecs.jpeg2k_encode(pixels((16, 20), "uint16"), codecformat="J2K", level=40))
    assert read_codestream(lossy) == (20, 16, 16, 1, False, (20, 16))


def test_tiles_levels_and_layers_of_real_files_are_held() -> None:
    """An even picture is the smallest that there is: each packet is of a byte."""
    file = with_pillow("JPEG2000", size=(64, 64), tile_size=(8, 8), num_resolutions=2, quality_layers=[20, 10, 5])
    assert read_codestream(file[file.index(b"jp2c") + 4 :]).tile == (8, 8)
    even = bytes(imagecodecs.jpeg2k_encode(np.zeros((2000, 3000), np.uint8), codecformat="J2K", reversible=True))
    assert read_codestream(even).width == 3000


@pytest.mark.parametrize(
    ("code", "least"),
    [
        # 250 x 250 tiles, each with a header of 14 bytes.
        (jp2_code(1000, 1000, (4, 4)), 875_000),
        # Layers of one packet each; of three channels thrice as many.
        (jp2_code(8, 8, (8, 8), layers=60_000), 60_000),
        (jp2_code(8, 8, (8, 8), components=3, layers=60_000), 180_000),
        # 500 x 500 precincts of 2 x 2 at the full size, and of its half a single one.
        (jp2_code(1000, 1000, (1000, 1000), levels=1, precincts=b"\xff\x11"), 250_001),
    ],
)
def test_no_more_is_claimed_than_the_bytes_can_hold(code: bytes, least: int) -> None:
    with pytest.raises(ValueError, match=rf"tiles and packets of at least {least} bytes, but it has {len(code)}:"):
        read_codestream(code)


def test_styles_of_a_channel_and_of_a_tile_are_looked_at() -> None:
    code = jp2_code(64, 64, (64, 64))
    tile = code.index(b"\xff\x90")
    channel = b"\xff\x53\0\x0a\0\1\0\4\4\0\1\0"
    for place in (tile, tile + 12):
        with pytest.raises(ValueError, match="at least 4096 bytes"):
            read_codestream(code[:place] + channel + code[place:])


@pytest.mark.parametrize("length", [0, 3, 30, 50])
def test_truncated_headers(length: int) -> None:
    with pytest.raises(ValueError, match=r"no JPEG 2000 codestream|truncated|damaged"):
        read_codestream(jp2_code(64, 64, (64, 64))[:length])


def test_no_size() -> None:
    with pytest.raises(ValueError, match="it is damaged: 64 x 64 pixels in tiles of 0 x 4"):
        read_codestream(jp2_code(64, 64, (0, 4)))
