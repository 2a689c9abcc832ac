from __future__ import annotations

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import pixels, round_trip

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


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(pixels((20, 30, 3), seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    picture, written = round_trip(tmp_path / "a.png")
    assert picture.notices == ["3 frames: the first is taken"]
    assert {kind for kind, _ in chunks(written)} == {b"IHDR", b"IDAT", b"IEND"}
    assert np.array_equal(read_back(written), pixels((20, 30, 3)))
