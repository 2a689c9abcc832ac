from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.photographs import exif_block
from tests.helpers.raw import add_exif, write_dng
from zero_dce.images.formats.bmff import make_box
from zero_dce.images.formats.raw_tags import CANON_UUID, RAF_START, exif_from_tags, read_raw_tags


def read_back(content: bytes) -> Image.Exif:
    """What Pillow reads of the block that is made of a raw file's tags."""
    exif = Image.Exif()
    layout, tags, notices = read_raw_tags(io.BytesIO(content))
    assert notices == []
    exif.load(b"Exif\0\0" + exif_from_tags(layout, tags))
    return exif


def raf() -> bytes:
    preview = io.BytesIO()
    Image.new("RGB", (16, 16)).save(preview, "JPEG", exif=b"Exif\0\0" + exif_block())
    head = RAF_START.ljust(84, b"\0") + (100).to_bytes(4) + len(preview.getvalue()).to_bytes(4)
    return head.ljust(100, b"\0") + preview.getvalue()


def cr3() -> bytes:
    camera = b"II*\0\x08\0\0\0\1\0" + b"\x0f\1\2\0\x09\0\0\0" + (26).to_bytes(4, "little") + bytes(4) + b"A camera\0"
    photo = b"II*\0\x08\0\0\0\1\0" + b"\x9a\x82\5\0\1\0\0\0" + (26).to_bytes(4, "little") + bytes(4)
    photo += (1).to_bytes(4, "little") + (8).to_bytes(4, "little")
    parts = make_box(b"CMT1", camera), make_box(b"CMT2", photo)
    return make_box(b"ftyp", b"crx \0\0\0\1") + make_box(b"moov", make_box(b"uuid", CANON_UUID, *parts))


@pytest.mark.parametrize(
    "content",
    [
        exif_block(),
        exif_block(">"),
        # Panasonic and Olympus write other versions.
        b"IIU\0" + exif_block()[4:],
        b"IIRO" + exif_block()[4:],
        raf(),
        cr3(),
    ],
    ids=["little", "big", "rw2", "orf", "raf", "cr3"],
)
def test_camera_and_exposure_are_kept(content: bytes) -> None:
    exif = read_back(content)
    assert (exif[271].rstrip("\0"), exif[274]) == ("A camera", 1)
    assert exif.get_ifd(34665)[33434] == 0.125
    assert 37500 not in exif.get_ifd(34665), "the maker's note, whose offsets would be wrong"


def test_the_tags_of_a_dng(tmp_path: Path) -> None:
    write_dng(tmp_path / "a.dng", np.full((16, 16, 3), 0.5), (0.5, 1, 0.7), orientation=6)
    add_exif(tmp_path / "a.dng")
    exif = read_back((tmp_path / "a.dng").read_bytes())
    assert dict(exif) == {271: "A camera", 272: "A camera 1", 274: 1, 306: "2024:05:01 22:10:00", 34665: exif[34665]}
    assert exif.get_ifd(34665) == {33434: 0.125, 34855: 3200}


@pytest.mark.parametrize(
    ("content", "notice"),
    [
        (b"", "EXIF is not read in raw files of this kind, and is left out"),
        (b"FOVb" + bytes(40), "EXIF is not read in raw files of this kind, and is left out"),
        (b"II*\0", "EXIF cannot be read and is left out: it is truncated inside its tags"),
        (RAF_START, "EXIF cannot be read and is left out: it is truncated inside its tags"),
        (b"\0\0\0\x18ftypcrx ", "EXIF cannot be read and is left out: it is truncated or damaged inside its box"),
        (make_box(b"ftyp", b"crx \0\0\0\1"), "EXIF cannot be read and is left out: it is truncated inside its tags"),
        (exif_block()[:40], "EXIF cannot be read and is left out: its tags lie outside the file"),
    ],
)
def test_nothing_to_read(content: bytes, notice: str) -> None:
    _, tags, notices = read_raw_tags(io.BytesIO(content))
    assert tags == ()
    assert len(notices) == 1
    assert notices[0].startswith(notice)


def test_damaged_tags_are_told() -> None:
    """The maker's name lies behind the end of the file."""
    block = bytearray(exif_block())
    at = block.index(b"\x0f\1\2\0")
    block[at + 8 : at + 12] = (1 << 20).to_bytes(4, "little")
    _, tags, notices = read_raw_tags(io.BytesIO(block))
    assert 271 not in {tag.number for tag in tags}
    assert notices == ["tag 271 is left out: the value of its tag 271 lies outside the file"]
