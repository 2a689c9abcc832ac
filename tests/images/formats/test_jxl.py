from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from tests.helpers.photographs import exif_block, pixels, round_trip
from tests.images.formats.test_cicp import P3_SEEN
from tests.images.formats.test_jxl_header import P3_COLOURS, PQ_COLOURS
from tests.images.formats.test_xmp import PACKET
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_within
from zero_dce.images.exif import orientation_of
from zero_dce.images.formats import read_photograph
from zero_dce.images.formats.bmff import first_box, make_box, read_boxes
from zero_dce.images.formats.jxl import distance_of
from zero_dce.images.formats.jxl_header import read_jxl_header
from zero_dce.images.formats.jxl_write import SRGB_COLOURS, TYPE_BOX, encode_jxl, join_codestream
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE
from zero_dce.images.identify import JXL_START


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_number_of_a_lossless_file_stays(bits: int, channels: int, tmp_path: Path) -> None:
    shape = (48, 64) if channels == 1 else (48, 64, channels)
    values = (pixels(shape, "uint16") >> (16 - bits)).astype(np.uint8 if bits == 8 else np.uint16)
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(values, lossless=True, bitspersample=bits))
    picture, written = round_trip(tmp_path / "a.jxl")
    assert (picture.format, picture.notices) == ("JPEG XL", [])
    assert np.array_equal(imagecodecs.jpegxl_decode(written.read_bytes()), values)
    headers = [read_jxl_header(join_codestream(file.read_bytes())) for file in (tmp_path / "a.jxl", written)]
    assert headers[0].bits == headers[1].bits == bits
    assert headers[0].space is not None
    assert headers[1].space is not None
    # The codec labels more than 8 bits as linear light, and so they are written again.
    assert headers[0].space.curve.name == headers[1].space.curve.name == ("sRGB" if bits == 8 else "gamma 1")


@pytest.mark.parametrize("bits", [8, 10])
def test_a_lossy_file_stays_lossy(bits: int, tmp_path: Path) -> None:
    values = pixels((48, 64, 3), "uint8" if bits == 8 else "uint16")
    (tmp_path / "a.jxl").write_bytes(encode_jxl(values, bits, False, None, SRGB_COLOURS, 0.1))
    _, written = round_trip(tmp_path / "a.jxl")
    header = read_jxl_header(join_codestream(written.read_bytes()))
    assert (header.bits, header.xyb) == (bits, True)
    shown = read_photograph(written).view().read((0, 0, 64, 48))
    most = 255 if bits == 8 else 65535
    assert np.abs(shown / most - values / most).mean() < 0.03
    # These are the numbers of libjxl's own programs.
    assert (distance_of(90), distance_of(30), distance_of(95)) == pytest.approx((1.0, 6.4, 0.55))


@pytest.mark.parametrize("compressed", [False, True])
def test_metadata_stay(compressed: bool, tmp_path: Path) -> None:
    codestream = encode_jxl(pixels((48, 64, 3)), 8, False, None, SRGB_COLOURS, 0)
    parts = {b"Exif": bytes(4) + exif_block(orientation=6), b"xml ": PACKET, b"jumb": b"signed"}
    boxes = b"".join(
        make_box(b"brob", kind, imagecodecs.brotli_encode(content))
        if compressed and kind != b"jumb"
        else make_box(kind, content)
        for kind, content in parts.items()
    )
    (tmp_path / "a.jxl").write_bytes(JXL_START + TYPE_BOX + boxes + make_box(b"jxlc", codestream))
    picture, written = round_trip(tmp_path / "a.jxl")
    signed = "signed or extended content (jumb): left out, since it is about the old pixels"
    assert picture.notices == [GAIN_MAP_NOTICE, signed]
    found = read_boxes(written.read_bytes())
    exif, xmp = first_box(found, b"Exif"), first_box(found, b"xml ")
    assert exif is not None
    assert xmp is not None
    # The codestream says how it is turned, and not the block.
    assert (picture.width, picture.kept.orientation, orientation_of(exif[4:])) == (64, 1, 1)
    assert b"A camera" in exif
    assert b"hdrgm" not in xmp
    assert b"<dc:title>" in xmp


def test_colours_by_numbers_are_converted_and_kept(tmp_path: Path) -> None:
    values = np.full((48, 64, 3), (180, 100, 60), np.uint8)
    (tmp_path / "a.jxl").write_bytes(encode_jxl(values, 8, False, None, P3_COLOURS, 0))
    picture, written = round_trip(tmp_path / "a.jxl")
    shown = picture.view().read((0, 0, 1, 1))[0, 0] / 257
    assert np.abs(shown - P3_SEEN).max() < 0.6
    assert np.abs(decode_within(tmp_path / "a.jxl", 8)[0, 0] - shown).max() <= 1
    assert np.array_equal(imagecodecs.jpegxl_decode(written.read_bytes()), values)
    header = read_jxl_header(join_codestream(written.read_bytes()))
    assert header.space is not None
    assert header.space.primaries[2:4] == (0.68, 0.32)


def test_hdr_is_written_as_srgb(tmp_path: Path) -> None:
    values = pixels((48, 64, 3), "uint16")
    (tmp_path / "a.jxl").write_bytes(encode_jxl(values, 10, False, None, PQ_COLOURS, 0))
    picture, written = round_trip(tmp_path / "a.jxl")
    assert picture.notices == [
        "PQ (HDR): light above its reference white, 203 cd/m2, becomes white",
        "written as sRGB",
    ]
    assert read_photograph(written).notices == []


def test_a_profile_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jxl").write_bytes(encode_jxl(pixels((48, 64, 3)), 8, False, None, SRGB_COLOURS, 0))
    header = read_jxl_header(encode_jxl(pixels((48, 64, 3)), 8, False, None, SRGB_COLOURS, 0))
    monkeypatch.setattr("zero_dce.images.formats.jxl.read_jxl_header", lambda _: replace(header, icc=True, space=None))
    picture, _ = round_trip(tmp_path / "a.jxl")
    assert picture.notices == ["its colour profile cannot be read: taken as sRGB, and written so"]


def test_floats_stay(tmp_path: Path) -> None:
    values = (pixels((48, 64, 3)) / 200).astype(np.float32)
    (tmp_path / "a.jxl").write_bytes(encode_jxl(values, 32, True, None, SRGB_COLOURS, 0))
    picture, written = round_trip(tmp_path / "a.jxl")
    assert "are not in [0, 1]" in picture.notices[0]
    assert np.array_equal(imagecodecs.jpegxl_decode(written.read_bytes()), values.clip(0, 1))


# 8 x 8 pixels of one colour, encoded by libjxl 0.11.2: (60, 30, 10) with a depth map of 77 before an alpha of 120, by
# which the colours are multiplied, and which comes as the second of two alphas, of which the first is 77.
ALPHA_AFTER_DEPTH = "ff0a41404100004a084000010074004b188b1500948c7777f178803d43d936004c0dcaf41e4e20490d383c1c"
TWO_ALPHAS = "ff0a4140210025084000010074004b188b1500948c7777f178803d43d936004c0dcaf41e4e20490d383c1c"
# Floats of (0.25, 0.125, 0), multiplied by an alpha of 0.5; and of 0.5 with an exponent of 8 of 16 bits, and 7 of 24.
MULTIPLIED_FLOATS = "ff0a41c8093928010810100080004b386998ca83f72b288829eec9d03ffd0fde0d0000408721010000380000e001"
BFLOATS = "ff0a41d84102080401003c004b188b1580ddd5ff00185e9d9a00f8"
FLOATS_OF_24_BITS = "ff0a41a841020804010044004b188b1580e5a9ff0130dc16350100e001"


def test_alpha_after_another_channel_is_that_which_colours_are_divided_by(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(bytes.fromhex(ALPHA_AFTER_DEPTH))
    picture, written = round_trip(tmp_path / "a.jxl")
    assert picture.notices == ["channels beside colour and transparency: left out"]
    # 60, 30 and 10 by 120 of 255.
    assert imagecodecs.jpegxl_decode(written.read_bytes())[0, 0].tolist() == [128, 64, 21, 120]


def test_the_alpha_of_several_is_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(bytes.fromhex(TWO_ALPHAS))
    _, written = round_trip(tmp_path / "a.jxl")
    assert imagecodecs.jpegxl_decode(written.read_bytes())[0, 0].tolist() == [60, 30, 10, 77]


def test_grey_with_a_channel_that_is_not_alpha(tmp_path: Path) -> None:
    values = pixels((2, 48, 64))
    (tmp_path / "a.jxl").write_bytes(imagecodecs.jpegxl_encode(values, lossless=True, planar=True, photometric="gray"))
    picture, written = round_trip(tmp_path / "a.jxl")
    assert picture.notices == ["channels beside colour and transparency: left out"]
    assert np.array_equal(imagecodecs.jpegxl_decode(written.read_bytes()), values[0])


def test_floats_of_hdr_become_srgb(tmp_path: Path) -> None:
    values = (pixels((48, 64, 3), "uint16") / 65535).astype(np.float32)
    (tmp_path / "a.jxl").write_bytes(encode_jxl(values, 32, True, None, PQ_COLOURS, 0))
    (tmp_path / "b.jxl").write_bytes(
        encode_jxl(np.rint(values * 65535).astype(np.uint16), 16, False, None, PQ_COLOURS, 0)
    )
    (floats, written), (whole, _) = round_trip(tmp_path / "a.jxl"), round_trip(tmp_path / "b.jxl")
    assert floats.notices == whole.notices
    box = (0, 0, 64, 48)
    assert np.abs(floats.view().read(box) * 65535 - whole.view().read(box)).max() < 1
    assert imagecodecs.jpegxl_decode(written.read_bytes()).dtype == np.float32


def test_floats_are_divided_by_alpha(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(bytes.fromhex(MULTIPLIED_FLOATS))
    _, written = round_trip(tmp_path / "a.jxl")
    shown = imagecodecs.jpegxl_decode(written.read_bytes())[0, 0]
    assert np.abs(shown - (0.5, 0.25, 0, 0.5)).max() < 2 / 65535


def test_floats_of_another_exponent_get_32_bits(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(bytes.fromhex(BFLOATS))
    picture, written = round_trip(tmp_path / "a.jxl")
    assert picture.notices == ["floating-point numbers of 16 bits, 8 of them for the exponent: written with 32 bits"]
    again = imagecodecs.jpegxl_decode(written.read_bytes())
    assert (again.dtype, again.min(), again.max()) == (np.float32, 0.5, 0.5)
    assert read_photograph(written).notices == []


def test_floats_that_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(bytes.fromhex(FLOATS_OF_24_BITS))
    with pytest.raises(ImageReadError, match="floating-point numbers have 24 bits; those of 16 and 32 are read"):
        read_photograph(tmp_path / "a.jxl")
