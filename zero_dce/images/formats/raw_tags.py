"""EXIF of camera raw files: of those that are built like TIFF, of Canon's CR3 and of Fujifilm's RAF."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import BinaryIO

from zero_dce.images.exif import EXIF_PREFIX
from zero_dce.images.formats.bmff import first_box, read_boxes
from zero_dce.images.formats.tiff_tags import EXIF_IFD, GPS_IFD, Tag, read_tags, whole_numbers, write_directory
from zero_dce.images.ifd import LONG, ORIENTATION, ByteLayout, Directory, read_directory, size_of
from zero_dce.images.jpeg_file import BareJpegFile

RAF_START = b"FUJIFILMCCD-RAW"
# Where a RAF says where its preview lies, and how long it is.
RAF_PREVIEW = 84
# The box of a CR3 that holds Canon's boxes: tags of the picture, of EXIF and of GPS, each like a file of TIFF.
CANON_UUID = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
CANON_PARTS = (b"CMT1", b"CMT2", b"CMT4")
# Description, maker, model, program, time, author, copyright, and the directories of EXIF and GPS. Everything else is
# about the numbers of the sensor.
PICTURE_TAGS = {270, 271, 272, 305, 306, 315, 33432, EXIF_IFD, GPS_IFD}
# The maker's note, whose offsets would be wrong; sizes and colours of the camera's own JPEG; directories of these.
NOT_KEPT = {37500, 40961, 40962, 40963, 40965}


# The layout of the tags, the tags, and notices of what is left out.
RawTags = tuple[ByteLayout, tuple[Tag, ...], list[str]]


def read_raw_tags(stream: BinaryIO) -> RawTags:
    """Read the tags that hold for a developed picture, whose orientation is 1.

    Returns:
        The layout, the tags, none where there are none that are read, and notices of those that are left out.
    """
    stream.seek(0)
    start = stream.read(len(RAF_START))
    try:
        if start.startswith(RAF_START):
            return _from_preview(stream)
        if start[4:12] == b"ftypcrx ":
            return _from_canon(stream)
        if start[:2] in (b"II", b"MM"):
            return _from_block(stream)
    except (ValueError, OSError, SyntaxError) as error:
        # Damaged tags are no reason not to develop what lies beside them.
        return ByteLayout("<"), (), [f"EXIF cannot be read and is left out: {error}"]
    return ByteLayout("<"), (), ["EXIF is not read in raw files of this kind, and is left out"]


def exif_from_tags(layout: ByteLayout, tags: Iterable[Tag]) -> bytes:
    """Return an EXIF block of these tags."""
    stream = io.BytesIO()
    stream.write((b"II" if layout.order == "<" else b"MM") + layout.pack("HI", 42, 0))
    place = write_directory(stream, layout, tuple(tags))
    stream.seek(4)
    stream.write(layout.pack("I", place))
    return stream.getvalue()


def _from_block(stream: BinaryIO) -> RawTags:
    """Read what is built like TIFF, whatever number of a version its maker has chosen."""
    page = _directory(stream)
    known = {number: entry for number, entry in page.entries.items() if number in PICTURE_TAGS}
    tags, notices = read_tags(replace(page, entries=known))
    return page.layout, _finished(page.layout, tags), notices


def _directory(stream: BinaryIO) -> Directory:
    stream.seek(0)
    layout = ByteLayout("<" if stream.read(2) == b"II" else ">")
    _, start = layout.read(stream, "HI")
    return read_directory(stream, layout, start)


def _finished(layout: ByteLayout, tags: Iterable[Tag]) -> tuple[Tag, ...]:
    kept = []
    for tag in tags:
        if isinstance(tag.value, tuple):
            inner = tuple(entry for entry in tag.value if entry.number not in NOT_KEPT)
            kept.append(Tag(tag.number, LONG, 1, inner))
        else:
            kept.append(tag)
    return (*kept, whole_numbers(layout, ORIENTATION, (1,)))


def _from_preview(stream: BinaryIO) -> RawTags:
    stream.seek(RAF_PREVIEW)
    place, length = ByteLayout(">").read(stream, "II")
    # As much memory as a read may return is set aside first.
    most = size_of(stream)
    stream.seek(place)
    preview = BareJpegFile(io.BytesIO(stream.read(min(length, most))))
    return _from_block(io.BytesIO(preview.info.get("exif", b"").removeprefix(EXIF_PREFIX)))


def _from_canon(stream: BinaryIO) -> RawTags:
    stream.seek(0)
    movie = first_box(read_boxes(stream.read()), b"moov") or b""
    canon = (box.content[len(CANON_UUID) :] for box in read_boxes(movie) if box.content.startswith(CANON_UUID))
    boxes = read_boxes(next(canon, b""))
    main, exif, gps = (io.BytesIO(first_box(boxes, kind) or b"") for kind in CANON_PARTS)
    layout, tags, notices = _from_block(main)
    nested = []
    for number, part in ((EXIF_IFD, exif), (GPS_IFD, gps)):
        if part.getbuffer():
            inner, further = read_tags(_directory(part))
            notices += further
            nested.append(Tag(number, LONG, 1, inner))
    own = [tag for tag in tags if tag.number not in (EXIF_IFD, GPS_IFD, ORIENTATION)]
    return layout, _finished(layout, [*own, *nested]), notices
