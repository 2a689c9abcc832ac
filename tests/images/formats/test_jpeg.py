from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps

from tests.helpers.photographs import exif_block, pixels, round_trip, thumbnail
from tests.images.formats.test_photoshop import CAPTION, PATH, PREVIEW
from tests.images.formats.test_xmp import PACKET
from tests.images.test_decode import wide_profile
from zero_dce.images.exif import drop_thumbnail
from zero_dce.images.formats import read_photograph, save_photograph
from zero_dce.images.formats.jpeg import trailer_length
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE

XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
LONG_XMP = b"http://ns.adobe.com/xmp/extension/\0" + bytes(range(256)) * 200


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def segments(file: Path) -> list[tuple[int, bytes]]:
    """All segments before the pixels, read by hand."""
    content, place, found = file.read_bytes(), 2, []
    while content[place + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", content, place + 2)
        found.append((content[place + 1], content[place + 4 : place + 2 + length]))
        place += 2 + length
    return found


def kept(file: Path) -> list[tuple[int, bytes]]:
    return [(marker, content) for marker, content in segments(file) if 0xE1 <= marker <= 0xEF or marker == 0xFE]


def insert(file: Path, *parts: bytes) -> None:
    """Put segments in where a camera does: before everything else."""
    content = file.read_bytes()
    file.write_bytes(content[:2] + b"".join(parts) + content[2:])


def save(file: Path, mode: str = "RGB", size: tuple[int, int] = (64, 48), **options: object) -> np.ndarray:
    shape = size[::-1] if mode == "L" else (*size[::-1], 3)
    values = pixels(shape)
    Image.fromarray(values).save(file, "JPEG", **{"quality": 95, **options})
    return values


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_pixels_and_encoding_stay(mode: str, progressive: bool, subsampling: int, tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    save(file, mode, progressive=progressive, subsampling=subsampling)
    picture, written = round_trip(file)
    assert (picture.format, picture.width, picture.height, picture.notices) == ("JPEG", 64, 48, [])
    with Image.open(file) as old, Image.open(written) as new:
        assert new.mode == mode
        if mode == "RGB":
            assert [layer[1:3] for layer in new.layer] == [layer[1:3] for layer in old.layer]
        assert new.info.get("progressive") == old.info.get("progressive") == (1 if progressive else None)
        difference = np.abs(np.asarray(new).astype(int) - np.asarray(old))
    assert difference.mean() < 1.5


def test_quality_is_that_asked_for(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    sizes = [round_trip(tmp_path / "a.jpg", quality)[1].stat().st_size for quality in (60, 95, 100)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_everything_beside_the_pixels_is_kept_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    save(file, icc_profile=wide_profile() + bytes(70_000), comment=b"a comment")
    exif = b"Exif\0\0" + exif_block()
    resources = b"Photoshop 3.0\0" + CAPTION + PREVIEW + PATH
    insert(
        file,
        segment(0xE1, exif),
        segment(0xE1, XMP),
        segment(0xE1, LONG_XMP),
        segment(0xED, resources),
        segment(0xEC, b"Ducky\0\1"),
        segment(0xFE, b"another comment"),
    )
    _, written = round_trip(file)
    before = [
        (marker, b"Exif\0\0" + drop_thumbnail(exif_block()) if content == exif else content)
        for marker, content in kept(file)
    ]
    before = [(marker, content.replace(PREVIEW, b"")) for marker, content in before]
    assert kept(written) == before
    assert len(before) == 9, "a profile of two segments, two comments and five more"
    assert thumbnail()[:100] not in written.read_bytes()
    with Image.open(written) as new:
        assert new.info["icc_profile"] == wide_profile() + bytes(70_000)
        assert new.getexif()[ExifTags.Base.Orientation] == 6
        assert new.getexif().get_ifd(ExifTags.IFD.GPSInfo)[2] == (52.0, 30.0, 0.0)
    assert round_trip(written)[1].read_bytes()[:3000] == written.read_bytes()[:3000], "nothing piles up"


@pytest.mark.parametrize("unit", [0, 1, 2])
def test_the_resolution_is_kept_in_its_unit(unit: int, tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    content = bytearray((tmp_path / "a.jpg").read_bytes())
    content[13:18] = struct.pack(">BHH", unit, 300, 150)
    (tmp_path / "a.jpg").write_bytes(content)
    _, written = round_trip(tmp_path / "a.jpg")
    with Image.open(written) as new:
        assert (new.info["jfif_unit"], new.info["jfif_density"]) == (unit, (300, 150))


def test_a_cameras_previews_are_left_out(tmp_path: Path) -> None:
    """Pillow calls such a file MPO."""
    file = tmp_path / "a.jpg"
    frames = [Image.fromarray(pixels((48, 64, 3), seed=seed)) for seed in (0, 1)]
    frames[0].save(file, "MPO", save_all=True, append_images=frames[1:])
    with Image.open(file) as old:
        assert (old.format, old.n_frames) == ("MPO", 2)
    picture, written = round_trip(file)
    second = len(file.read_bytes().rpartition(b"\xff\xd8")[2]) + 2
    assert picture.format == "JPEG"
    assert picture.notices == [f"{second} bytes after the picture, such as further pictures or a film: left out"]
    assert not [content for _, content in kept(written) if content.startswith(b"MPF")]
    with Image.open(written) as new:
        assert new.format == "JPEG"


def test_what_is_about_the_old_pixels_is_left_out_with_a_notice(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    save(file)
    insert(file, segment(0xEB, b"JP\0\1jumb"), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET))
    picture, written = round_trip(file)
    assert picture.notices == [
        GAIN_MAP_NOTICE,
        "motion photo: its film is left out",
        "signed or extended content (APP11): left out, since it is about the old pixels",
    ]
    ((marker, packet),) = kept(written)
    assert marker == 0xE1
    assert b"<dc:title>Night" in packet
    assert b"hdrgm" not in packet
    assert b"MotionPhoto" not in packet


def test_a_gain_map_goes_with_all_that_announces_it(tmp_path: Path) -> None:
    """As Ultra HDR has it: a picture, the list of both pictures (MPF), XMP, ISO 21496-1, and the map behind."""
    file = tmp_path / "a.jpg"
    frames = [Image.fromarray(pixels((48, 64, 3), seed=seed)) for seed in range(2)]
    frames[0].save(
        file, "MPO", save_all=True, append_images=frames[1:], exif=b"Exif\0\0" + exif_block(with_thumbnail=False)
    )
    insert(
        file,
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET.replace(b'GCamera:MotionPhoto="1"', b"")),
        segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4)),
    )
    length = len(file.read_bytes().rpartition(b"\xff\xd8")[2]) + 2
    picture, written = round_trip(file)
    assert picture.notices == [
        GAIN_MAP_NOTICE,
        f"{length} bytes after the picture, such as further pictures or a film: left out",
    ]
    content = written.read_bytes()
    for word in (b"hdrgm", b"hdr-gain-map", b"MPF\0", b"Container:", b"GainMap", b"21496"):
        assert word in file.read_bytes()
        assert word not in content
    assert content.endswith(b"\xff\xd9")
    assert b"A camera" in content
    assert read_photograph(written).notices == []


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_what_follows_the_picture_is_named(options: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    save(file, **options)
    plain = file.read_bytes()
    file.write_bytes(plain + bytes(500))
    assert round_trip(file)[0].notices == [], "padding"
    file.write_bytes(plain + b"SEFH" + thumbnail() + b"SEFT")
    picture, written = round_trip(file)
    length = len(thumbnail()) + 8
    assert picture.notices == [f"{length} bytes after the picture, such as further pictures or a film: left out"]
    assert round_trip(written)[0].notices == []


def test_thumbnails_of_jfif_are_left_out_with_a_notice(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    save(file)
    content = file.read_bytes()
    header = content[6:18] + b"\x01\x01" + bytes(3)
    other = segment(0xE0, b"CIFF of a camera")
    file.write_bytes(
        content[:2] + segment(0xE0, header) + segment(0xE0, b"JFXX\0\x10" + thumbnail()) + other + content[20:]
    )
    picture, written = round_trip(file)
    assert picture.notices == ["JFIF thumbnail: left out, since it shows the old pixels"] * 2
    assert [content for marker, content in segments(written) if marker == 0xE0][1:] == [b"CIFF of a camera"]


@pytest.mark.parametrize("with_profile", [False, True])
def test_cmyk_becomes_srgb(with_profile: bool, tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    rgb = Image.new("RGB", (32, 32), (200, 90, 40))
    # A profile of another kind of colours cannot be used: that is said too.
    options = {"icc_profile": wide_profile()} if with_profile else {}
    rgb.convert("CMYK").save(file, quality=100, **options)
    picture, written = round_trip(file)
    assert len(picture.notices) == 1
    expected = "colour profile of no use" if with_profile else "converted to sRGB without a colour profile"
    assert picture.notices[0].startswith(f"CMYK: {expected}")
    with Image.open(written) as new:
        assert (new.mode, new.info.get("icc_profile")) == ("RGB", None)
        assert np.abs(np.asarray(new).astype(int) - (200, 90, 40)).max() <= 4


def test_subsampling_that_pillow_cannot_write_becomes_full(tmp_path: Path) -> None:
    """4:4:0: the second number of the first component's sampling is doubled alone."""
    file = tmp_path / "a.jpg"
    save(file, size=(64, 64), subsampling=1)
    content = bytearray(file.read_bytes())
    frame = content.index(b"\xff\xc0")
    assert content[frame + 11] == 0x21
    content[frame + 11] = 0x12
    file.write_bytes(content)
    _, written = round_trip(file)
    with Image.open(written) as new:
        assert [layer[1:3] for layer in new.layer] == [(1, 1)] * 3


def test_profiles_of_grey_files_stay(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    save(tmp_path / "a.jpg", "L", icc_profile=profile)
    _, written = round_trip(tmp_path / "a.jpg")
    with Image.open(written) as new:
        assert (new.mode, new.info["icc_profile"]) == ("L", profile)


def test_the_canvas_is_the_decoded_image_alone(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", comment=b"a comment", icc_profile=wide_profile())
    picture = read_photograph(tmp_path / "a.jpg")
    stream = io.BytesIO()
    picture.canvas.image.save(stream, "PNG")  # type: ignore[attr-defined]
    assert Image.open(stream).info == {}, "what is kept is kept once"


def test_upright(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", exif=b"Exif\0\0" + exif_block())
    picture = read_photograph(tmp_path / "a.jpg")
    view, (width, height) = picture.view(), (48, 64)
    canvas = view.blank((width, height))
    canvas.write((0, 0, width, height), view.read((0, 0, width, height)))
    save_photograph(picture.upright(), canvas.stored, tmp_path / "b.jpg")
    with Image.open(tmp_path / "a.jpg") as old, Image.open(tmp_path / "b.jpg") as new:
        assert (new.size, new.getexif()[ExifTags.Base.Orientation]) == ((48, 64), 1)
        expected = np.asarray(ImageOps.exif_transpose(old)).astype(int)
        assert np.abs(expected - np.asarray(new)).mean() < 3


def test_a_long_run_of_the_byte_before_markers_is_read_once() -> None:
    content = b"\xff\xd8" + b"\xff" * (1 << 20) + b"\0"
    assert trailer_length(io.BytesIO(content)) == 0
    assert trailer_length(io.BytesIO(content + b"\xff\xd9abc")) == 3


def test_many_comments_stay(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    insert(tmp_path / "a.jpg", *[segment(0xFE, b"a")] * 100_000)
    assert len(kept(round_trip(tmp_path / "a.jpg")[1])) == 100_000
