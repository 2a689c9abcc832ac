from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import exif_block, pixels, round_trip, thumbnail
from tests.images.test_decode import wide_profile
from zero_dce.enhance.formats import read_photograph
from zero_dce.enhance.formats.exif import drop_thumbnail
from zero_dce.enhance.formats.png_rows import compress_rows
from zero_dce.images.decode import ImageReadError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {0: 1, 2: 3, 4: 2, 6: 4}


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def make_png(
    values: np.ndarray, colour: int, depth: int, *before: bytes, after: bytes = b"", interlace: int = 0
) -> bytes:
    """Write a PNG by hand; fewer than 8 bits are packed."""
    height, width = values.shape[:2]
    data = b"".join(pass_rows(values, depth, *step) for step in (ADAM7 if interlace else [(0, 0, 1, 1)]))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    pixel_chunks = chunk(b"IDAT", zlib.compress(data)[:50]) + chunk(b"IDAT", zlib.compress(data)[50:])
    return SIGNATURE + header + b"".join(before) + pixel_chunks + after + chunk(b"IEND", b"")


# Left, top and steps of the passes (PNG standard, section 8.2).
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def pass_rows(values: np.ndarray, depth: int, left: int, top: int, across: int, down: int) -> bytes:
    part = values[top::down, left::across]
    if depth < 8:
        bits = np.unpackbits(part.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :].reshape(len(part), -1)
        rows = [np.packbits(row).tobytes() for row in bits]
    else:
        rows = [row.astype(f">u{depth // 8}").tobytes() for row in part]
    return b"".join(b"\0" + row for row in rows) if part.size else b""


def chunks(file: Path) -> list[tuple[bytes, bytes]]:
    content, place, found = file.read_bytes(), 8, []
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        found.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def read_back(file: Path) -> np.ndarray:
    """With a reader that has no part in the code under test where it has 8 bits, and libpng."""
    return imagecodecs.png_decode(file.read_bytes())


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", COLOURS)
def test_pixels_stay_exactly(colour: int, depth: int, interlace: int, tmp_path: Path) -> None:
    shape = (45, 67) if colour == 0 else (45, 67, COLOURS[colour])
    values = pixels(shape, f"uint{depth}")
    (tmp_path / "a.png").write_bytes(make_png(values, colour, depth, interlace=interlace))
    picture, written = round_trip(tmp_path / "a.png")
    assert (picture.format, picture.width, picture.height, picture.notices) == ("PNG", 67, 45, [])
    assert picture.canvas.dtype == values.dtype
    assert chunks(written)[0][1][8:10] == bytes((depth, colour)), "the same depth and kind of colours"
    assert np.array_equal(read_back(written), values)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_becomes_alpha(depth: int, tmp_path: Path) -> None:
    most = 2**depth - 1
    values = np.arange(16 * 16).reshape(16, 16) % (most + 1)
    values = values.astype(np.uint16 if depth == 16 else np.uint8)
    transparent = min(1, most)
    (tmp_path / "a.png").write_bytes(make_png(values, 0, depth, chunk(b"tRNS", struct.pack(">H", transparent))))
    _, written = round_trip(tmp_path / "a.png")
    pair = read_back(written)
    full = 65535 if depth == 16 else 255
    assert np.array_equal(pair[..., 0], values * (full // most))
    assert np.array_equal(pair[..., 1], np.where(values == transparent, 0, full))
    assert b"tRNS" not in dict(chunks(written)), "that grey is another one now"


@pytest.mark.parametrize("depth", [8, 16])
def test_a_transparent_colour_becomes_alpha(depth: int, tmp_path: Path) -> None:
    values = pixels((20, 30, 3), f"uint{depth}")
    colour = struct.pack(">3H", *map(int, values[7, 9]))
    (tmp_path / "a.png").write_bytes(make_png(values, 2, depth, chunk(b"tRNS", colour)))
    _, written = round_trip(tmp_path / "a.png")
    assert np.array_equal(read_back(written)[..., :3], values)
    expected = np.where((values == values[7, 9]).all(-1), 0, 2**depth - 1)
    assert np.array_equal(read_back(written)[..., 3], expected)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("alpha", [None, b"\xff\0\xff", b"\x80\x20\xff\x30"])
def test_palettes_become_colours(depth: int, alpha: bytes | None, tmp_path: Path) -> None:
    colours = 2**depth
    palette = pixels((colours, 1, 3))[:, 0]
    values = (np.arange(16 * 16).reshape(16, 16) % colours).astype(np.uint8)
    before = [chunk(b"PLTE", palette.tobytes())] + ([chunk(b"tRNS", alpha[:colours])] if alpha else [])
    (tmp_path / "a.png").write_bytes(make_png(values, 3, depth, *before))
    _, written = round_trip(tmp_path / "a.png")
    expected = palette[values]
    if alpha:
        alphas = np.frombuffer(alpha[:colours].ljust(colours, b"\xff"), np.uint8)
        expected = np.concatenate((expected, alphas[values][..., None]), axis=2)
    assert np.array_equal(read_back(written), expected)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_of_grey_become_8(depth: int, tmp_path: Path) -> None:
    values = (np.arange(15 * 17).reshape(15, 17) % 2**depth).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(make_png(values, 0, depth))
    _, written = round_trip(tmp_path / "a.png")
    assert np.array_equal(read_back(written), values * (255 // (2**depth - 1)))


@pytest.mark.parametrize("depth", [8, 16])
def test_everything_beside_the_pixels_is_kept_byte_for_byte(depth: int, tmp_path: Path) -> None:
    profile = b"a wide space\0\0" + zlib.compress(wide_profile() + bytes(3 << 20))
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    kept = [
        (b"iCCP", profile),
        (b"gAMA", struct.pack(">I", 45455)),
        (b"cHRM", bytes(32)),
        (b"cICP", bytes((9, 16, 0, 1))),
        (b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        (b"tIME", bytes((7, 232, 5, 1, 1, 1, 1))),
        (b"iTXt", xmp),
        (b"tEXt", b"Author\0somebody"),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"nothing")),
        (b"prVt", b"private and safe to copy"),
    ]
    gone = [(b"sBIT", bytes((5, 5, 5))), (b"bKGD", bytes(6)), (b"caBX", b"signature"), (b"iDOT", bytes(28))]
    late = [(b"tEXt", b"Title\0behind the pixels"), (b"eXIf", exif_block())]
    before = [chunk(*one) for one in kept + gone]
    values = pixels((20, 30, 3), f"uint{depth}")
    content = make_png(values, 2, depth, *before, after=b"".join(chunk(*one) for one in late))
    (tmp_path / "a.png").write_bytes(content)
    picture, written = round_trip(tmp_path / "a.png")
    assert picture.notices == ["chunks about the old pixels: caBX: left out"]
    found = chunks(written)
    assert [one for one in found if one[0] not in (b"IHDR", b"IDAT", b"IEND")] == [
        *kept,
        late[0],
        (b"eXIf", drop_thumbnail(exif_block())),
    ]
    assert found[1] == kept[0], "before the pixels, as the standard asks for"
    assert thumbnail() not in written.read_bytes()
    assert picture.kept.orientation == 6
    assert np.array_equal(read_back(written), values)
    assert round_trip(written)[1].read_bytes() == written.read_bytes()


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(pixels((20, 30, 3), seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    picture, written = round_trip(tmp_path / "a.png")
    assert picture.notices == ["3 frames: the first is taken"]
    assert {kind for kind, _ in chunks(written)} == {b"IHDR", b"IDAT", b"IEND"}
    assert np.array_equal(read_back(written), pixels((20, 30, 3)))


def test_a_wrong_checksum_is_no_picture(tmp_path: Path) -> None:
    """Pillow does not look at those of pixels, and would show other ones."""
    content = bytearray(make_png(pixels((20, 30, 3)), 2, 8))
    content[content.index(b"IDAT") + 30] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageReadError, match=r"a\.png as an image: .*checksum of its chunk 'IDAT' is wrong"):
        read_photograph(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(1, 1), (3, 1, 4), (1, 20000, 3), (20000, 1), (300, 900, 3)])
def test_rows_are_compressed_exactly_whatever_the_strips(
    shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zero_dce.enhance.formats.png_rows.PNG_STRIP_BYTES", 1 << 15)
    for values in (pixels(shape, "uint16"), np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)):
        colour = {1: 0, 3: 2, 4: 6}[values.shape[2] if values.ndim == 3 else 1]
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", shape[1], shape[0], 16, colour, 0, 0, 0))
        data = b"".join(chunk(b"IDAT", part) for part in compress_rows(values))
        assert np.array_equal(imagecodecs.png_decode(SIGNATURE + header + data + chunk(b"IEND", b"")), values)


def test_filters_make_smooth_pictures_small() -> None:
    values = pixels((200, 300, 3), "uint16") // 64 * 64
    assert sum(map(len, compress_rows(values))) < 0.9 * len(zlib.compress(values.tobytes()))
