from __future__ import annotations

import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.endurance.bombs.frames import bmp_profile
from tests.helpers.photographs import pixels, round_trip
from tests.images.test_decode import wide_profile
from zero_dce.images.decode import decode
from zero_dce.images.formats.bmp import read_bmp
from zero_dce.images.light import linear_to_srgb


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
    ("kind", "profile", "further"),
    [
        (b"BGRs", b"", []),
        (
            b"KNIL",
            b"C:\\a profile of another computer.icc\0",
            ["colour profile in a file of its own: left out, the colours are taken as sRGB"],
        ),
        (bytes(4), b"", []),
    ],
)
def test_transparency_and_a_linked_profile_are_left_out_with_a_notice(
    kind: bytes, profile: bytes, further: list[str], tmp_path: Path
) -> None:
    values = pixels((40, 61, 4))
    (tmp_path / "a.bmp").write_bytes(with_alpha(values, kind, profile))
    picture, written = round_trip(tmp_path / "a.bmp")
    assert picture.notices == ["transparency: left out", *further]
    with Image.open(written) as new:
        assert np.array_equal(np.asarray(new), values[..., :3])
        assert np.allclose(new.info["dpi"], 72, atol=0.1)


def test_an_embedded_profile_is_converted_on_both_sides(tmp_path: Path) -> None:
    """By hand: from a power of 2.2 with Adobe RGB's primaries to sRGB."""
    values = np.array([[[60, 120, 200, 255], [128, 128, 128, 255], [180, 90, 70, 255]]], np.uint8)
    (tmp_path / "a.bmp").write_bytes(with_alpha(values, b"DEBM", wide_profile()))
    picture, written = round_trip(tmp_path / "a.bmp")
    assert picture.notices == ["transparency: left out", "colour profile 'a wide space': converted to sRGB"]
    to_srgb = np.array([[1.3982, -0.3982, 0], [0, 1, 0], [0, -0.0429, 1.0429]])
    expected = linear_to_srgb((values[..., :3] / 255) ** 2.2 @ to_srgb.T).astype(int)
    decoded = decode(tmp_path / "a.bmp", lambda width, height: (width, height))
    with Image.open(written) as new:
        assert np.abs(np.asarray(new) - expected).max() <= 2
    assert np.abs(decoded.pixels - expected).max() <= 2
    assert decoded.notices == picture.notices


def test_primaries_in_numbers_are_passed_over_with_a_notice(tmp_path: Path) -> None:
    content = bytearray(with_alpha(pixels((4, 6, 4)), bytes(4)))
    # The gamma of red, 2.2 in 16.16 bits, lies 96 bytes behind the header's start.
    content[14 + 96 : 14 + 100] = struct.pack("<I", round(2.2 * 65536))
    (tmp_path / "a.bmp").write_bytes(content)
    picture, _ = round_trip(tmp_path / "a.bmp")
    assert picture.notices[1:] == ["primaries and gammas: left out, the colours are taken as sRGB"]


def test_a_profile_that_says_it_is_four_gigabytes_long(tmp_path: Path) -> None:
    file = tmp_path / "a.bmp"
    file.write_bytes(bmp_profile())
    read: list[int] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            read.append(size or 0)
            return super().read(size)

    read_bmp(Watched(file.read_bytes()), lambda *_: None)
    # Pillow reads 64 KiB at a time.
    assert max(read) <= 1 << 16
