from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.photographs import pixels
from tests.images.formats.test_png import chunk, chunks, make_png, read_back
from tests.images.test_decode import wide_profile
from zero_dce.images.coded_space import CodedSpace
from zero_dce.images.colour import IccSpace
from zero_dce.images.decode import decode
from zero_dce.images.formats import read_photograph, save_photograph
from zero_dce.images.formats.png_colour import png_space

SRGB_CHROMATICITIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
ADOBE_CHROMATICITIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
LINEAR, GAMMA_2_2, GAMMA_1_8 = (struct.pack(">I", number) for number in (100000, 45455, 55556))
PROFILE = b"a wide space\0\0" + zlib.compress(wide_profile())
SRGB_CICP, PQ_CICP, HLG_CICP = bytes((1, 13, 0, 1)), bytes((9, 16, 0, 1)), bytes((9, 18, 0, 1))


def srgb_of(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {b"gAMA": GAMMA_2_2},
        {b"gAMA": struct.pack(">I", 45000)},
        {b"cHRM": SRGB_CHROMATICITIES},
        {b"gAMA": GAMMA_2_2, b"cHRM": SRGB_CHROMATICITIES},
        {b"sRGB": b"\0", b"gAMA": LINEAR, b"cHRM": ADOBE_CHROMATICITIES},
        {b"cICP": SRGB_CICP, b"iCCP": PROFILE, b"gAMA": LINEAR},
        {b"cICP": bytes((1, 1, 0, 1))},
    ],
)
def test_what_is_srgb_is_not_converted(found: dict[bytes, bytes]) -> None:
    assert png_space(found, grey=False) == (None, [])


@pytest.mark.parametrize(
    ("found", "curve"),
    [
        ({b"cICP": PQ_CICP, b"iCCP": PROFILE, b"sRGB": b"\0", b"gAMA": LINEAR}, "PQ"),
        ({b"cICP": HLG_CICP, b"sRGB": b"\0"}, "HLG"),
        ({b"cICP": bytes((12, 13, 0, 1))}, "sRGB"),
        ({b"iCCP": PROFILE, b"sRGB": b"\0", b"gAMA": LINEAR}, None),
        ({b"gAMA": LINEAR}, "gamma 1"),
        ({b"gAMA": GAMMA_1_8, b"cHRM": SRGB_CHROMATICITIES}, "gamma 1.8"),
        ({b"gAMA": GAMMA_2_2, b"cHRM": ADOBE_CHROMATICITIES}, "gamma 2.2"),
        ({b"cHRM": ADOBE_CHROMATICITIES}, "sRGB"),
    ],
)
def test_the_chunk_that_decides(found: dict[bytes, bytes], curve: str | None) -> None:
    space, _ = png_space(found, grey=False)
    if curve is None:
        assert isinstance(space, IccSpace)
    else:
        assert isinstance(space, CodedSpace)
        assert space.curve.name == curve


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({b"cICP": PQ_CICP}, "PQ (HDR): light above its reference white, 203 cd/m2, becomes white"),
        ({b"cICP": bytes((9, 16, 0, 0))}, "cICP 9 16 0 0: a colour space that is not converted"),
        ({b"cICP": bytes((10, 13, 0, 1))}, "cICP 10 13 0 1: a colour space that is not converted"),
        ({b"cICP": b""}, "cICP : a colour space that is not converted"),
        ({b"gAMA": bytes(4)}, "gAMA of no use (0): taken as sRGB's curve"),
        ({b"cHRM": bytes(32)}, "cHRM of no use: taken as sRGB's primaries"),
        ({b"cHRM": bytes(31)}, "cHRM of no use: taken as sRGB's primaries"),
        ({b"iCCP": b"damaged\0\0nothing"}, "colour profile of no use"),
    ],
)
def test_what_is_said(found: dict[bytes, bytes], words: str) -> None:
    _, notices = png_space(found, grey=False)
    assert len(notices) == 1
    assert notices[0].startswith(words)


def test_a_space_that_is_not_converted_leaves_the_choice_to_the_next_chunk() -> None:
    space, notices = png_space({b"cICP": bytes((9, 16, 9, 0)), b"gAMA": LINEAR}, grey=False)
    assert isinstance(space, CodedSpace)
    assert space.curve.name == "gamma 1"
    assert len(notices) == 1


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [0, 2, 6])
def test_linear_light_is_shown_in_srgb_and_written_as_it_was(colour: int, depth: int, tmp_path: Path) -> None:
    channels = {0: 1, 2: 3, 6: 4}[colour]
    values = pixels((20, 30) if channels == 1 else (20, 30, channels), f"uint{depth}")
    given = [chunk(b"gAMA", LINEAR), chunk(b"cHRM", SRGB_CHROMATICITIES)]
    (tmp_path / "a.png").write_bytes(make_png(values, colour, depth, *given))
    picture = read_photograph(tmp_path / "a.png")
    view, box = picture.view(), (0, 0, 30, 20)
    shown = view.read(box)
    light = np.atleast_3d(values)[..., :3] / (2**depth - 1)
    assert np.abs(shown / 65535 - srgb_of(light)).max() < 1e-4
    output = view.blank()
    output.write(box, shown)
    save_photograph(picture.writable(), output.stored, tmp_path / "b.png")
    written = read_back(tmp_path / "b.png")
    assert written.dtype == values.dtype
    assert np.abs(written.astype(int) - values).max() <= (1 if depth == 16 else 0)
    assert dict(chunks(tmp_path / "b.png"))[b"gAMA"] == LINEAR
    assert dict(chunks(tmp_path / "b.png"))[b"cHRM"] == SRGB_CHROMATICITIES
    assert picture.notices == []


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", ["linear", "pq"])
def test_the_data_side_reads_alike(kind: str, depth: int, tmp_path: Path) -> None:
    """A light of 0.1 is 89 of 255 in sRGB; a PQ of 0.508078 is 100 cd/m2, which is 186."""
    number, expected, given = (0.1, 89, chunk(b"gAMA", LINEAR))
    if kind == "pq":
        number, expected, given = (0.508078, 186, chunk(b"cICP", PQ_CICP))
    values = np.full((8, 8, 3), round(number * (2**depth - 1)), f"uint{depth}")
    (tmp_path / "a.png").write_bytes(make_png(values, 2, depth, given))
    decoded = decode(tmp_path / "a.png", lambda width, height: (width, height))
    # A number of 8 bits in either curve is up to one and a half of sRGB off.
    assert np.abs(decoded.pixels.astype(int) - expected).max() <= 2
    curve = {"linear": "gamma 1", "pq": "PQ"}[kind]
    assert f"colours given by numbers ({curve}): converted to sRGB" in decoded.notices


def test_the_data_side_reads_usual_gammas_as_before(tmp_path: Path) -> None:
    values = pixels((20, 30, 3))
    given = [chunk(b"gAMA", GAMMA_2_2), chunk(b"cHRM", SRGB_CHROMATICITIES), chunk(b"tEXt", b"a\0b")]
    (tmp_path / "a.png").write_bytes(make_png(values, 2, 8, *given))
    decoded = decode(tmp_path / "a.png", lambda width, height: (width, height))
    assert np.array_equal(decoded.pixels, values)
    assert decoded.notices == []


def test_gamma_of_any_length() -> None:
    """A chunk of hundreds of bytes would be a number beyond all that floating-point numbers hold."""
    space, notices = png_space({b"gAMA": b"\xff" * 400}, grey=False)
    assert space is None
    assert notices == ["gAMA of no use (42949.7): taken as sRGB's curve"]
