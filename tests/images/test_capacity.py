"""Headers that claim more than their files can hold, and even pictures that nearly reach the bound."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.images.formats.test_png import SIGNATURE, chunk
from zero_dce.evaluate.pictures import Pair, check_sizes
from zero_dce.images import ImageReadError
from zero_dce.images.capacity import check_capacity, check_claim, has_arithmetic_code
from zero_dce.images.decode import decode_within
from zero_dce.images.formats import read_photograph

SIDE = 2000
BLACK = np.zeros((SIDE, SIDE), np.uint8)
# Pictures of one colour in the best code that each writer has.
EVEN = {
    "bits.png": lambda file: Image.fromarray(BLACK).convert("1").save(file, compress_level=9),
    "grey.png": lambda file: Image.fromarray(BLACK).save(file, compress_level=9),
    "rgb.png": lambda file: Image.fromarray(BLACK).convert("RGB").save(file, compress_level=9),
    "grey.jpg": lambda file: Image.fromarray(BLACK).save(file, quality=1, optimize=True, progressive=True),
    "rgb.jpg": lambda file: Image.fromarray(BLACK).convert("RGB").save(file, quality=1, optimize=True, subsampling=2),
    "lossy.webp": lambda file: Image.fromarray(BLACK).convert("RGB").save(file, quality=0, method=4),
    "lossless.webp": lambda file: Image.fromarray(BLACK).convert("RGB").save(file, lossless=True, quality=0),
    "bits.bmp": lambda file: Image.fromarray(BLACK).convert("1").save(file),
    "rgb.bmp": lambda file: Image.fromarray(BLACK[:1000]).convert("RGB").save(file),
    "stored.tif": lambda file: tifffile.imwrite(file, BLACK),
    "deflate.tif": lambda file: tifffile.imwrite(file, BLACK, compression="zlib", compressionargs={"level": 9}),
    "tiled.tif": lambda file: tifffile.imwrite(file, BLACK, compression="zlib", tile=(1024, 1024)),
    "lzw.tif": lambda file: tifffile.imwrite(file, BLACK, compression="lzw"),
    "packbits.tif": lambda file: tifffile.imwrite(file, BLACK, compression="packbits"),
    "lzma.tif": lambda file: tifffile.imwrite(file, BLACK, compression="lzma"),
    "zstd.tif": lambda file: tifffile.imwrite(file, BLACK, compression="zstd"),
    "jpeg.tif": lambda file: tifffile.imwrite(file, BLACK, compression="jpeg", compressionargs={"level": 1}),
    "fax.tif": lambda file: Image.fromarray(BLACK).convert("1").save(file, compression="group4"),
}


@pytest.mark.parametrize("name", EVEN)
def test_an_even_picture_is_read_on_both_sides(name: str, tmp_path: Path) -> None:
    EVEN[name](tmp_path / name)
    assert decode_within(tmp_path / name, 8).max() <= 1
    assert read_photograph(tmp_path / name).width == SIDE


def test_the_bound_of_deflate_is_reached_to_a_percent() -> None:
    length = len(zlib.compress(bytes(10**8), 9))
    check_claim(10**4, 10**4, length, 1032)
    with pytest.raises(ValueError, match=f"claims 10000 x 10100 pixels, but its {length} bytes hold at most"):
        check_claim(10**4, 10100, length, 1032)


def claim_in_png(content: bytes, side: int) -> bytes:
    start = SIGNATURE + chunk(b"IHDR", side.to_bytes(4) * 2 + content[24:29])
    return start + content[len(start) :]


def overwrite(content: bytes, place: int, value: bytes) -> bytes:
    return content[:place] + value + content[place + len(value) :]


def claim_in_tiff(content: bytes, side: int) -> bytes:
    """Change ImageWidth, ImageLength and RowsPerStrip, of type LONG in a file that ``tifffile`` wrote."""
    for number in (256, 257, 278):
        kind = content.index(number.to_bytes(2, "little") + b"\4\0\1\0\0\0")
        content = overwrite(content, kind + 8, side.to_bytes(4, "little"))
    return content


def encoded(format_: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (16, 16)).save(stream, format_, **options)
    return stream.getvalue()


def tiff(compression: str | None) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((16, 16), np.uint8), compression=compression, metadata=None)
    return stream.getvalue()


def claims(side: int) -> dict[str, bytes]:
    """Small files whose headers say that they are as large as this."""
    jpeg, webp = encoded("JPEG"), encoded("WEBP")
    frame, lossy = jpeg.index(b"\xff\xc0") + 5, webp.index(b"\x9d\x01\x2a") + 3
    bmp = overwrite(encoded("BMP"), 18, side.to_bytes(4, "little") * 2)
    return {
        "a.png": claim_in_png(encoded("PNG"), side),
        "bits.png": claim_in_png(encoded("PNG", "1"), side),
        "16.png": claim_in_png(encoded("PNG", "I;16"), side),
        "a.jpg": overwrite(jpeg, frame, side.to_bytes(2) * 2),
        "a.bmp": bmp,
        "downwards.bmp": overwrite(bmp, 22, (-side).to_bytes(4, "little", signed=True)),
        "a.webp": overwrite(webp, lossy, side.to_bytes(2, "little") * 2),
        **{f"{name}.tif": claim_in_tiff(tiff(name), side) for name in ("deflate", "lzw", "packbits", "zstd", "jpeg")},
        "stored.tif": claim_in_tiff(tiff(None), side),
    }


def test_a_claim_beyond_the_bytes_is_refused_on_both_sides(tmp_path: Path) -> None:
    side = 12000
    for name, content in claims(side).items():
        file = tmp_path / name
        file.write_bytes(content)
        expected = (
            rf"{name} as an image: its header claims {side} x {side} pixels, but its {len(content)} bytes hold at"
        )
        with pytest.raises(ImageReadError, match=expected):
            decode_within(file, 8)
        with pytest.raises(ImageReadError, match=expected):
            read_photograph(file)
        if file.suffix != ".tif":
            # Nobody is advised to measure smaller what cannot be measured at all.
            check_sizes([Pair(name, file)], None)


def test_nothing_is_allocated_for_a_picture_that_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = claim_in_png(encoded("PNG"), 20000)
    assert len(content) < 120
    (tmp_path / "a.png").write_bytes(content)
    monkeypatch.setattr(Image, "new", lambda *_: pytest.fail("a picture is allocated"))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", lambda *_: pytest.fail("a picture is decoded"))
    sizes: list[tuple[int, int]] = []
    for read in (
        decode_within,
        lambda file, _: read_photograph(file, before_decoding=lambda *size: sizes.append(size)),
    ):
        with pytest.raises(ImageReadError, match="claims 20000 x 20000 pixels"):
            read(tmp_path / "a.png", 8)
    assert not sizes, "no memory is set aside either"


def test_what_has_no_bound_is_left_to_its_reader() -> None:
    jpeg = encoded("JPEG")
    arithmetic = jpeg.replace(b"\xff\xc0", b"\xff\xc9")
    assert has_arithmetic_code(io.BytesIO(arithmetic))
    assert not has_arithmetic_code(io.BytesIO(jpeg))
    large = (20000).to_bytes(2) * 2
    for content in (
        overwrite(arithmetic, arithmetic.index(b"\xff\xc9") + 5, large),
        overwrite(encoded("WEBP", lossless=True), 21, b"\xff\xff\xff\x0f"),
        overwrite(overwrite(encoded("BMP", "P"), 18, (20000).to_bytes(4, "little") * 2), 30, b"\1"),
        encoded("GIF", "P"),
        b"",
        SIGNATURE,
        b"BM",
        jpeg[:20],
        b"RIFF\0\0\0\0WEBP",
    ):
        stream = io.BytesIO(content)
        check_capacity(stream)
        assert stream.tell() == 0


def test_components_that_share_the_finest_sampling() -> None:
    """With factors of 4 x 1 and 1 x 4 each block stands for 256 pixels."""
    jpeg = encoded("JPEG", subsampling=0)
    frame = jpeg.index(b"\xff\xc0")
    shared = overwrite(overwrite(jpeg, frame + 11, b"\x41"), frame + 14, b"\x14")
    side = int((len(jpeg) * 512) ** 0.5) + 1
    claimed = [overwrite(content, frame + 5, side.to_bytes(2) * 2) for content in (jpeg, shared)]
    with pytest.raises(ValueError, match=f"claims {side} x {side} pixels"):
        check_capacity(io.BytesIO(claimed[0]))
    check_capacity(io.BytesIO(claimed[1]))
