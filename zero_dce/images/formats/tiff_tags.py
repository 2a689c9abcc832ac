"""The tags of a TIFF that are kept, and how a directory is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from zero_dce.images.formats.photoshop import drop_previews
from zero_dce.images.ifd import LONG, LONG8, SHORT, ByteLayout, Directory, IfdEntry, read_directory, size_of

# These tags point to directories: EXIF, GPS, and inside EXIF interoperability.
EXIF_IFD, GPS_IFD, INTEROPERABILITY_IFD = 34665, 34853, 40965
NESTED_IFDS = (EXIF_IFD, GPS_IFD, INTEROPERABILITY_IFD)
RESOURCES, LAYERS = 34377, 37724
PROFILE_TAG = 34675
# These describe how pixels are stored, other pages, previews, and statistics of the old pixels.
STRUCTURE = {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289}
STRUCTURE |= {290, 291, 292, 293, 297, 317, 320, 321, 322, 323, 324, 325, 326, 327, 328, 330, 332, 333, 334, 336, 338}
STRUCTURE |= {339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532, 32997, LAYERS}
# These say which colours the numbers mean, which is wrong after a conversion.
COLOUR_SPACE_TAGS = {PROFILE_TAG, 301, 318, 319}
IFD_TYPES = (13, 18)


@dataclass(frozen=True)
class Tag:
    """A tag with its value as stored in the file, or a directory of tags."""

    number: int
    type: int
    count: int
    value: bytes | tuple[Tag, ...]


def read_tags(page: Directory) -> tuple[tuple[Tag, ...], list[str]]:
    """Read what is kept of a page's tags, and notices of those that are damaged."""
    reader = _Reader(page.stream)
    return reader.read(page, STRUCTURE), reader.notices


class _Reader:
    """Reads values, in all no more bytes than the file has, since damaged files list the same ones many times."""

    def __init__(self, stream: BinaryIO) -> None:
        self._left = size_of(stream)
        self.notices: list[str] = []

    def read(self, directory: Directory, without: set[int]) -> tuple[Tag, ...]:
        tags = []
        for number, entry in sorted(directory.entries.items()):
            nested = number in NESTED_IFDS
            if number in without or (entry.type in IFD_TYPES and not nested):
                continue
            try:
                tags.append(self._nested(directory, entry) if nested else self._plain(directory, entry))
            except ValueError as error:
                self.notices.append(f"tag {number} is left out: {error}")
        return tuple(tags)

    def _plain(self, directory: Directory, entry: IfdEntry) -> Tag:
        self._left -= entry.size
        if self._left < 0:
            raise ValueError("the tags hold more than the file")
        value = entry.read(directory.stream)
        if entry.number == RESOURCES:
            value = drop_previews(value)
        return Tag(entry.number, entry.type, len(value) * entry.count // max(1, entry.size), value)

    def _nested(self, directory: Directory, entry: IfdEntry) -> Tag:
        (start,) = directory.numbers(entry.number)
        # A directory inside another of its kind could contain itself.
        without = {EXIF_IFD, GPS_IFD}
        if entry.number != EXIF_IFD:
            without.add(INTEROPERABILITY_IFD)
        self._left -= 1
        inner = read_directory(directory.stream, directory.layout, start)
        return Tag(entry.number, entry.type, 1, self.read(inner, without))


def whole_numbers(layout: ByteLayout, number: int, values: Sequence[int], type_: int = SHORT) -> Tag:
    """Make a tag of whole numbers; in a BigTIFF, LONG becomes 64 bits wide."""
    type_ = LONG8 if type_ == LONG and layout.big else type_
    code = {SHORT: "H", LONG: "I", LONG8: "Q"}[type_]
    return Tag(number, type_, len(values), layout.pack(code * len(values), *values))


def write_directory(stream: BinaryIO, layout: ByteLayout, tags: Sequence[Tag]) -> int:
    """Write values and directory at the end of a file; return where the directory starts."""
    entries = [_write_value(stream, layout, tag) for tag in sorted(tags, key=lambda tag: tag.number)]
    start = _align(stream)
    stream.write(layout.pack(layout.count, len(entries)) + b"".join(entries) + layout.pack(layout.offset, 0))
    return start


def _write_value(stream: BinaryIO, layout: ByteLayout, tag: Tag) -> bytes:
    if isinstance(tag.value, tuple):
        tag = whole_numbers(layout, tag.number, (write_directory(stream, layout, tag.value),), LONG)
    assert isinstance(tag.value, bytes)
    head = layout.pack("HH" + layout.offset, tag.number, tag.type, tag.count)
    if len(tag.value) <= layout.inline:
        return head + tag.value.ljust(layout.inline, b"\0")
    place = _align(stream)
    stream.write(tag.value)
    return head + layout.pack(layout.offset, place)


def _align(stream: BinaryIO) -> int:
    """Pad the file to an even length, since values start at even offsets; return it."""
    stream.write(b"\0" * (stream.tell() % 2))
    return stream.tell()
