from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import pixels, round_trip
from tests.images.test_decode import wide_profile


@pytest.mark.parametrize("width", [1, 2, 3, 4, 61])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pixels_stay_exactly(mode: str, width: int, tmp_path: Path) -> None:
    values = pixels((40, width, 3) if mode == "RGB" else (40, width))
    Image.fromarray(values).save(tmp_path / "a.bmp", dpi=(300, 150))
    picture, written = round_trip(tmp_path / "a.bmp")
    assert (picture.format, picture.width, picture.height, picture.notices) == ("BMP", width, 40, [])
    assert written.read_bytes() == (tmp_path / "a.bmp").read_bytes(), "as Pillow writes it, resolution too"
    assert np.array_equal(imagecodecs.bmp_decode(written.read_bytes()), values)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_palettes_become_grey_or_colours(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(pixels((40, 61, 3))).convert(mode)
    image.save(tmp_path / "a.bmp")
    _, written = round_trip(tmp_path / "a.bmp")
    with Image.open(written) as new:
        assert new.mode == {"1": "L", "P": "RGB"}[mode]
        assert np.array_equal(np.asarray(new), np.asarray(image.convert(new.mode)))


def with_alpha(values: np.ndarray, kind: bytes = b"BGRs", profile: bytes = b"") -> bytes:
    """A BMP of version 5, by hand, from the top down."""
    height, width = values.shape[:2]
    fields = (124, width, -height, 1, 32, 3, values.nbytes, 2835, 2835, 0, 0)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    place = struct.pack("<IIII", 4, 124 + values.nbytes, len(profile), 0)
    header = struct.pack("<IiiHHIIiiII", *fields) + masks + kind + bytes(48) + place
    start = struct.pack("<2sIII", b"BM", 138 + values.nbytes + len(profile), 0, 138)
    return start + header + values[..., [2, 1, 0, 3]].tobytes() + profile


@pytest.mark.parametrize(
    ("kind", "profile", "notices"),
    [
        (b"BGRs", b"", ["transparency: left out"]),
        (b"DEBM", wide_profile(), ["transparency: left out", "colour profile: left out"]),
        (b"KNIL", b"C:\\a profile of another computer.icc\0", ["transparency: left out", "colour profile: left out"]),
    ],
)
def test_transparency_and_profile_are_left_out_with_a_notice(
    kind: bytes, profile: bytes, notices: list[str], tmp_path: Path
) -> None:
    values = pixels((40, 61, 4))
    (tmp_path / "a.bmp").write_bytes(with_alpha(values, kind, profile))
    picture, written = round_trip(tmp_path / "a.bmp")
    assert picture.notices == notices
    with Image.open(written) as new:
        assert np.array_equal(np.asarray(new), values[..., :3])
        assert np.allclose(new.info["dpi"], 72, atol=0.1)
