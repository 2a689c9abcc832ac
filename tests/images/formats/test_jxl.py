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
from zero_dce.images.decode import decode_within
from zero_dce.images.formats import read_photograph
from zero_dce.images.formats.bmff import first_box, make_box, read_boxes
from zero_dce.images.formats.exif import orientation_of
from zero_dce.images.formats.jxl import distance_of
from zero_dce.images.formats.jxl_header import read_jxl_header
from zero_dce.images.formats.jxl_write import SIGNATURE_BOX, SRGB_COLOURS, TYPE_BOX, encode_jxl, join_codestream
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE


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
    (tmp_path / "a.jxl").write_bytes(SIGNATURE_BOX + TYPE_BOX + boxes + make_box(b"jxlc", codestream))
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
