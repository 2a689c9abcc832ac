from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import exif_block, pixels
from tests.images.formats.test_bmff_items import avif
from zero_dce.images.formats.bmff import make_box
from zero_dce.images.formats.bmff_items import read_container
from zero_dce.images.formats.bmff_write import add_items


@pytest.mark.parametrize("alpha", [False, True])
def test_pillow_reads_what_was_put_in(alpha: bool) -> None:
    stream = io.BytesIO()
    Image.fromarray(pixels((48, 64, 4 if alpha else 3))).save(stream, "AVIF")
    encoded = stream.getvalue()
    written = add_items(encoded, bytes(4) + exif_block(orientation=None), b"<x/>", [make_box(b"irot", b"\1")])
    with Image.open(io.BytesIO(encoded)) as old, Image.open(io.BytesIO(written)) as new:
        assert np.array_equal(np.asarray(old), np.asarray(new))
        assert new.info["xmp"] == b"<x/>"
        # One quarter turn to the left is orientation 8.
        assert new.getexif()[274] == 8
        assert new.getexif()[271] == "A camera"


def test_nothing_to_add_changes_no_item() -> None:
    file = avif()
    assert read_container(add_items(file, b"", b"", [])).items.keys() == read_container(file).items.keys()
