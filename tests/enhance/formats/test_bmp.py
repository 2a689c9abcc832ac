from __future__ import annotations

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import pixels, round_trip
from tests.images.test_decode import wide_profile


def header(file: Path) -> bytes:
    content = file.read_bytes()
    return content[14 : 14 + struct.unpack_from("<I", content, 14)[0]]


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


def with_alpha(values: np.ndarray, colours: bytes = b"", profile: bytes = b"") -> bytes:
    """A BMP of version 4 or 5, by hand, from the top down."""
    height, width = values.shape[:2]
    size = values.nbytes
    fields = (56 + len(colours or bytes(52)), width, -height, 1, 32, 3, size, 2835, 2835, 0, 0)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    top = struct.pack("<IiiHHIIiiII", *fields) + masks + (colours or b"BGRs" + bytes(48))
    start = struct.pack("<2sIII", b"BM", 14 + len(top) + size + len(profile), 0, 14 + len(top))
    return start + top + values[..., [2, 1, 0, 3]].tobytes() + profile


def test_alpha_is_kept(tmp_path: Path) -> None:
    values = pixels((40, 61, 4))
    (tmp_path / "a.bmp").write_bytes(with_alpha(values))
    _, written = round_trip(tmp_path / "a.bmp")
    with Image.open(written) as new:
        assert np.array_equal(np.asarray(new), values)
        assert np.allclose(new.info["dpi"], 72, atol=0.1)
    assert header(written)[56:] == b"BGRs" + bytes(48)


def test_an_embedded_profile_is_kept(tmp_path: Path) -> None:
    values, profile = pixels((40, 61, 4)), wide_profile()
    colours = b"DEBM" + bytes(range(48)) + struct.pack("<IIII", 4, 124 + 40 * 61 * 4, len(profile), 0)
    (tmp_path / "a.bmp").write_bytes(with_alpha(values, colours, profile))
    _, written = round_trip(tmp_path / "a.bmp")
    assert header(written)[56:] == colours
    assert written.read_bytes().endswith(profile)
    assert len(written.read_bytes()) == len((tmp_path / "a.bmp").read_bytes())


def test_a_linked_profile_becomes_srgb(tmp_path: Path) -> None:
    """A path on another computer; such files are of no use elsewhere."""
    colours = b"KNIL" + bytes(48) + struct.pack("<IIII", 4, 0, 0, 0)
    (tmp_path / "a.bmp").write_bytes(with_alpha(pixels((4, 4, 4)), colours))
    _, written = round_trip(tmp_path / "a.bmp")
    assert header(written)[56:60] == b"BGRs"
