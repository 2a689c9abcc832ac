from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.pictures import make_picture
from zero_dce.data.decode import ImageReadError, decode_square, decode_within


def test_squash_to_a_square(tmp_path: Path) -> None:
    make_picture(0, 0.5, 96, 32).save(tmp_path / "a.png")
    pixels = decode_square(tmp_path / "a.png", 16)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    expected = make_picture(0, 0.5, 96, 32).resize((16, 16), Image.Resampling.LANCZOS)
    assert np.abs(pixels.astype(int) - np.asarray(expected)).mean() < 1


def test_within_keeps_proportions_and_never_enlarges(tmp_path: Path) -> None:
    make_picture(0, 0.5, 96, 32).save(tmp_path / "a.png")
    assert decode_within(tmp_path / "a.png", 48).shape == (16, 48, 3)
    np.testing.assert_array_equal(decode_within(tmp_path / "a.png", 500), np.asarray(make_picture(0, 0.5, 96, 32)))


def test_draft_decoding_is_close_to_full_decoding(tmp_path: Path) -> None:
    y, x = np.mgrid[0:600, 0:800]
    scene = np.stack([x / 800, y / 600, (x + y) / 1400], axis=-1) * 160 + 40 + 20 * np.sin(x / 40)[..., None]
    Image.fromarray(scene.clip(0, 255).astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as file:
        full = np.asarray(file.convert("RGB").resize((64, 64), Image.Resampling.LANCZOS))
    assert np.abs(decode_square(tmp_path / "a.jpg", 64).astype(int) - full).mean() < 0.5


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    make_picture(0, 0.5, 96, 32).save(tmp_path / "a.jpg", exif=exif)
    assert decode_within(tmp_path / "a.jpg", 500).shape == (96, 32, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_other_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    make_picture(0, 0.5).convert(mode).save(tmp_path / "a.tif")
    assert decode_square(tmp_path / "a.tif", 16).shape == (16, 16, 3)


@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "missing"])
def test_a_bad_file_is_named(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.JPG"
    make_picture(0, 0.5, 200, 200).save(file, format="JPEG")
    if kind == "missing":
        file.unlink()
    else:
        file.write_bytes({"text": b"hello", "empty": b"", "truncated": file.read_bytes()[:600]}[kind])
    with pytest.raises(ImageReadError, match=r"cannot read .*bad\.JPG as an image"):
        decode_square(file, 16)


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(16, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    pixels = decode_within(tmp_path / "a.png", 256)
    np.testing.assert_allclose(pixels[0, :, 0], np.arange(256), atol=1)
    Image.fromarray(ramp.astype(np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(ImageReadError, match="mode F, whose range is not known"):
        decode_within(tmp_path / "b.tif", 256)
