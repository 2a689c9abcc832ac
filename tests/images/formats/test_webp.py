from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import exif_block, pixels, round_trip
from tests.images.test_decode import wide_profile
from zero_dce.images.exif import drop_thumbnail


def save(file: Path, channels: int, **options: object) -> np.ndarray:
    values = pixels((40, 60, channels))
    if channels == 4:
        values[:9, :, 3] = 0
    Image.fromarray(values).save(file, exact=True, **options)
    return values


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2) for kind, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def chunks(file: Path) -> dict[bytes, bytes]:
    content, place, found = file.read_bytes(), 12, {}
    while place < len(content):
        kind, length = struct.unpack_from("<4sI", content, place)
        found[kind] = content[place + 8 : place + 8 + length]
        place += 8 + length + length % 2
    return found


@pytest.mark.parametrize("channels", [3, 4])
def test_lossless_stays_lossless(channels: int, tmp_path: Path) -> None:
    values = save(tmp_path / "a.webp", channels, lossless=True)
    picture, written = round_trip(tmp_path / "a.webp", quality=10)
    assert (picture.format, picture.width, picture.height, picture.notices) == ("WEBP", 60, 40, [])
    assert b"VP8L" in chunks(written)
    with Image.open(written) as new:
        assert np.array_equal(np.asarray(new), values), "under full transparency too"


@pytest.mark.parametrize("channels", [3, 4])
def test_lossy_stays_lossy_and_keeps_alpha(channels: int, tmp_path: Path) -> None:
    values = save(tmp_path / "a.webp", channels, quality=90)
    _, written = round_trip(tmp_path / "a.webp")
    assert b"VP8 " in chunks(written)
    with Image.open(tmp_path / "a.webp") as old, Image.open(written) as new:
        assert new.mode == ("RGBA" if channels == 4 else "RGB")
        assert np.abs(np.asarray(new).astype(int) - np.asarray(old))[..., :3].mean() < 4
        if channels == 4:
            assert np.array_equal(np.asarray(new)[..., 3], values[..., 3])


def test_quality_is_that_asked_for(tmp_path: Path) -> None:
    save(tmp_path / "a.webp", 3, quality=90)
    sizes = [round_trip(tmp_path / "a.webp", quality)[1].stat().st_size for quality in (30, 80, 100)]
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("lossless", [False, True])
def test_metadata_is_kept_byte_for_byte(lossless: bool, prefix: bytes, tmp_path: Path) -> None:
    save(tmp_path / "a.webp", 4, lossless=lossless)
    exif, xmp = exif_block(), b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    pixel_chunks = [one for one in chunks(tmp_path / "a.webp").items() if one[0] in (b"ALPH", b"VP8 ", b"VP8L")]
    header = struct.pack("<B3x", 0b111100) + struct.pack("<I", 59)[:3] + struct.pack("<I", 39)[:3]
    profile = wide_profile()
    file = riff((b"VP8X", header), (b"ICCP", profile), *pixel_chunks, (b"EXIF", prefix + exif), (b"XMP ", xmp))
    (tmp_path / "b.webp").write_bytes(file)
    picture, written = round_trip(tmp_path / "b.webp")
    assert picture.kept.orientation == 6
    found = chunks(written)
    assert (found[b"ICCP"], found[b"XMP "]) == (profile, xmp)
    assert found[b"EXIF"] == drop_thumbnail(exif)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("lossless", [False, True])
def test_an_animation_gives_its_first_frame(lossless: bool, channels: int, tmp_path: Path) -> None:
    frames = [Image.fromarray(pixels((40, 60, channels), seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=lossless, quality=95)
    picture, written = round_trip(tmp_path / "a.webp")
    assert picture.notices == ["3 frames: the first is taken"]
    with Image.open(tmp_path / "a.webp") as old, Image.open(written) as new:
        assert getattr(new, "n_frames", 1) == 1
        assert new.mode == frames[0].mode
        difference = np.abs(np.asarray(new).astype(int) - np.asarray(old.convert(new.mode)))
    assert difference.max() == 0 if lossless else difference.mean() < 4


def test_a_first_frame_that_covers_a_part_is_put_in_its_place(tmp_path: Path) -> None:
    values = pixels((10, 16, 3))
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "WEBP", lossless=True)
    bitstream = stream.getvalue()[12:]
    frame = b"".join(struct.pack("<I", number)[:3] for number in (4, 3, 15, 9, 100)) + b"\0" + bitstream
    size = struct.pack("<I", 39)[:3] + struct.pack("<I", 29)[:3]
    file = riff((b"VP8X", b"\x12\0\0\0" + size), (b"ANIM", bytes(6)), (b"ANMF", frame))
    (tmp_path / "a.webp").write_bytes(file)
    picture, written = round_trip(tmp_path / "a.webp")
    assert (picture.width, picture.height) == (40, 30)
    with Image.open(tmp_path / "a.webp") as old, Image.open(written) as new:
        assert np.array_equal(np.asarray(new), np.asarray(old.convert("RGBA")))
        assert np.array_equal(np.asarray(new)[6:16, 8:24, :3], values)
        assert (np.asarray(new)[..., 3] > 0).sum() == 160
