from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from zero_dce.images.errors import ImageReadError, describe_error


def test_a_reason_for_every_kind_of_error(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.png", tmp_path / "text.png"
    empty.write_bytes(b"")
    text.write_bytes(b"hello")
    assert describe_error(empty, UnidentifiedImageError()) == "an empty file"
    assert describe_error(text, UnidentifiedImageError()) == "not an image"
    assert describe_error(text, OSError(28, "No space left on device")) == "No space left on device"
    assert describe_error(text, IndexError()) == "IndexError"
    assert describe_error(text, ImageReadError("a long message", "the reason")) == "the reason"
    assert describe_error(text, Image.DecompressionBombError()).endswith(
        "megapixels: a decompression bomb, or to be scaled down first"
    )
