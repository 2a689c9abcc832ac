"""Image file directories: the tags of TIFF files, and of the EXIF blocks in all others (TIFF 6.0, section 2)."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

# Bytes per value of each type; 16 to 18 occur in BigTIFF only.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
SHORT, LONG, LONG8 = 3, 4, 16
ORIENTATION = 274


@dataclass(frozen=True)
class ByteLayout:
    """How numbers are stored in a file: ``order`` is < or >, ``big`` means 64-bit offsets (BigTIFF)."""

    order: str
    big: bool = False

    @property
    def offset(self) -> str:
        """The struct code of an offset."""
        return "Q" if self.big else "I"

    @property
    def count(self) -> str:
        """The struct code of a directory's number of entries."""
        return "Q" if self.big else "H"

    @property
    def inline(self) -> int:
        """The most bytes of a value that is stored in the entry itself."""
        return 8 if self.big else 4

    def pack(self, codes: str, *values: int) -> bytes:
        """Pack numbers by their struct codes."""
        return struct.pack(self.order + codes, *values)

    def read(self, stream: BinaryIO, codes: str) -> tuple[Any, ...]:
        """Read numbers by their struct codes.

        Raises:
            ValueError: if the file ends before them.
        """
        size = struct.calcsize(self.order + codes)
        content = stream.read(size)
        if len(content) < size:
            raise ValueError("it is truncated inside its tags")
        return struct.unpack(self.order + codes, content)


@dataclass(frozen=True)
class IfdEntry:
    """One tag: its number, type and count, and where in the file its value starts."""

    number: int
    type: int
    count: int
    place: int

    @property
    def size(self) -> int:
        """The length of the value in bytes."""
        return self.count * SIZES[self.type]

    def read(self, stream: BinaryIO) -> bytes:
        """Read the value as it lies in the file.

        Raises:
            ValueError: if it does not lie in the file.
        """
        if self.place + self.size > size_of(stream):
            raise ValueError(f"the value of its tag {self.number} lies outside the file")
        stream.seek(self.place)
        return stream.read(self.size)

    def numbers(self, stream: BinaryIO, layout: ByteLayout) -> tuple[int, ...]:
        """Read the value as whole numbers.

        Raises:
            ValueError: if it does not lie in the file, or is not of whole numbers.
        """
        if self.type not in CODES:
            raise ValueError(f"its tag {self.number} is of type {self.type} and should be a whole number")
        return struct.unpack(f"{layout.order}{self.count}{CODES[self.type]}", self.read(stream))


@dataclass(frozen=True)
class Directory:
    """The tags of one picture; ``next`` is where the next directory starts, 0 for none, as read at ``next_place``."""

    stream: BinaryIO
    layout: ByteLayout
    entries: dict[int, IfdEntry]
    next: int
    next_place: int

    def numbers(self, tag: int, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """Read the whole numbers of a tag.

        Raises:
            ValueError: if the tag is damaged, or missing and there is no default.
        """
        entry = self.entries.get(tag)
        if entry is not None:
            return entry.numbers(self.stream, self.layout)
        if default is None:
            raise ValueError(f"its tag {tag} is missing")
        return default

    def number(self, tag: int, default: int | None = None) -> int:
        """Read the first whole number of a tag.

        Raises:
            ValueError: if the tag is damaged or empty, or missing and there is no default.
        """
        numbers = self.numbers(tag, None if default is None else (default,))
        if not numbers:
            raise ValueError(f"its tag {tag} is empty")
        return numbers[0]


def size_of(stream: BinaryIO) -> int:
    """Return the length of a file in bytes."""
    return stream.seek(0, io.SEEK_END)


def read_header(stream: BinaryIO) -> tuple[ByteLayout, int]:
    """Read the first bytes: the layout, and where the first directory starts.

    Raises:
        ValueError: if this is no TIFF file or block.
    """
    stream.seek(0)
    order = {b"II": "<", b"MM": ">"}.get(stream.read(2))
    if order is None:
        raise ValueError("it does not start as a TIFF file does")
    (version,) = ByteLayout(order).read(stream, "H")
    layout = ByteLayout(order, big=version == 43)
    if version not in (42, 43) or (layout.big and layout.read(stream, "HH") != (8, 0)):
        raise ValueError(f"it is of version {version} of TIFF; 42 and 43 are known")
    return layout, layout.read(stream, layout.offset)[0]


def read_directory(stream: BinaryIO, layout: ByteLayout, start: int) -> Directory:
    """Read the entries of a directory; values are not read yet, and unknown types are left out.

    Raises:
        ValueError: if it does not lie in the file.
    """
    if not 0 < start < size_of(stream):
        raise ValueError("its tags lie outside the file")
    stream.seek(start)
    (count,) = layout.read(stream, layout.count)
    if count * (12 + 8 * layout.big) > size_of(stream):
        raise ValueError(f"it has {count} tags, more than fit into the file")
    stream.seek(start + struct.calcsize(layout.order + layout.count))
    entries = {}
    for _ in range(count):
        number, type_, values = layout.read(stream, "HH" + layout.offset)
        place = stream.tell()
        (pointer,) = layout.read(stream, layout.offset)
        if type_ in SIZES:
            inside = values * SIZES[type_] <= layout.inline
            entries[number] = IfdEntry(number, type_, values, place if inside else pointer)
    next_place = stream.tell()
    return Directory(stream, layout, entries, layout.read(stream, layout.offset)[0], next_place)
