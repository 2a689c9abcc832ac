from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from tests.helpers.photographs import pixels
from tests.images.formats.test_png import SIGNATURE, chunk
from zero_dce.images.formats.png_rows import compress_rows


@pytest.mark.parametrize("shape", [(1, 1), (3, 1, 4), (1, 20000, 3), (20000, 1), (300, 900, 3)])
def test_rows_are_compressed_exactly_whatever_the_strips(
    shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zero_dce.images.formats.png_rows.PNG_STRIP_BYTES", 1 << 15)
    for values in (pixels(shape, "uint16"), np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)):
        colour = {1: 0, 3: 2, 4: 6}[values.shape[2] if values.ndim == 3 else 1]
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", shape[1], shape[0], 16, colour, 0, 0, 0))
        data = b"".join(chunk(b"IDAT", part) for part in compress_rows(values))
        assert np.array_equal(imagecodecs.png_decode(SIGNATURE + header + data + chunk(b"IEND", b"")), values)


def test_filters_make_smooth_pictures_small() -> None:
    values = pixels((200, 300, 3), "uint16") // 64 * 64
    assert sum(map(len, compress_rows(values))) < 0.9 * len(zlib.compress(values.tobytes()))
