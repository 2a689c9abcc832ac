"""The items of a HEIF container: which there are, where they lie and what is said of them (ISO/IEC 23008-12)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from zero_dce.images.formats.bmff import FileBox, first_box, read_boxes

# The first four bytes of a full box hold its version and its flags.
FULL_HEADER = 4
# Everything lies in the file itself (construction method 0), or in the box idat of the container (1).
IN_FILE, IN_CONTAINER = 0, 1
XMP_TYPE = b"application/rdf+xml"


class ContainerItem(NamedTuple):
    """One item: its type, the content type of a ``mime`` item, and the pieces of its content, as places and lengths."""

    kind: bytes
    content_type: bytes
    method: int
    extents: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Container:
    """What the box ``meta`` of a file says.

    Attributes:
        file: the whole file.
        primary: the number of the main picture.
        items: all items by their numbers.
        properties: of the main picture, in their order.
        tile: the number of the first tile where the main picture is a grid of tiles; else its own.
        tile_properties: of the same.
        all_properties: of all pictures.
        inner: the content of the box ``idat``.
    """

    file: bytes
    primary: int
    items: dict[int, ContainerItem]
    properties: list[FileBox]
    tile: int
    tile_properties: list[FileBox]
    all_properties: list[FileBox]
    inner: bytes

    def content(self, item: ContainerItem) -> bytes:
        """Return the content of an item.

        Raises:
            ValueError: if it does not lie in the file.
        """
        source = self.inner if item.method == IN_CONTAINER else self.file
        # A length of 0 means all that follows.
        pieces = [(start, length or max(0, len(source) - start)) for start, length in item.extents]
        if any(start + length > len(source) for start, length in pieces):
            raise ValueError("it is truncated: some of its content lies outside the file")
        # Nothing holds more than the file, however often a damaged one lists the same bytes.
        if sum(length for _, length in pieces) > len(self.file):
            raise ValueError("it is damaged: an item is longer than the file")
        return b"".join(source[start : start + length] for start, length in pieces)

    def first(self, kind: bytes, content_type: bytes = b"") -> bytes:
        """Return the content of the first item of a type; empty where there is none."""
        for item in self.items.values():
            if item.kind == kind and item.content_type == content_type:
                return self.content(item)
        return b""

    def find(self, kind: bytes) -> bytes | None:
        """Return a property of the main picture; ``None`` where there is none."""
        return first_box(self.properties, kind)


def read_container(file: bytes) -> Container:
    """Read the box ``meta`` of a file.

    Raises:
        ValueError: if it is missing or damaged.
    """
    meta = first_box(read_boxes(file), b"meta")
    if meta is None:
        raise ValueError("it holds no picture, such as a film or a sequence")
    boxes = read_boxes(meta[FULL_HEADER:])
    primary = first_box(boxes, b"pitm")
    properties = read_boxes(first_box(boxes, b"iprp") or b"")
    try:
        if primary is None:
            raise ValueError("it names no main picture")
        number = int.from_bytes(primary[FULL_HEADER : FULL_HEADER + (2 if primary[0] == 0 else 4)])
        items = _read_items(first_box(boxes, b"iinf") or b"", first_box(boxes, b"iloc") or b"")
        known = read_boxes(first_box(properties, b"ipco") or b"")
        tile = _first_tile(first_box(boxes, b"iref") or b"", number)
        own, tiles = (
            [known[at - 1] for at in _associations(properties, picture) if 0 < at <= len(known)]
            for picture in (number, tile)
        )
    except (struct.error, IndexError) as error:
        raise ValueError("it is truncated or damaged inside its tables") from error
    return Container(file, number, items, own, tile, tiles, known, first_box(boxes, b"idat") or b"")


def _read_items(info: bytes, locations: bytes) -> dict[int, ContainerItem]:
    kinds = _read_kinds(info)
    found = {}
    for number, method, extents in _read_locations(locations):
        kind, content_type = kinds.get(number, (b"", b""))
        found[number] = ContainerItem(kind, content_type, method, extents)
    for number, (kind, content_type) in kinds.items():
        found.setdefault(number, ContainerItem(kind, content_type, IN_FILE, ()))
    return found


def _read_kinds(info: bytes) -> dict[int, tuple[bytes, bytes]]:
    """Read the type and content type of each item (box ``iinf``)."""
    if not info:
        raise ValueError("it lists no items")
    kinds = {}
    for box in read_boxes(info[FULL_HEADER + (2 if info[0] == 0 else 4) :]):
        if box.kind != b"infe" or not box.content or box.content[0] < 2:
            continue
        wide = 4 if box.content[0] > 2 else 2
        number = int.from_bytes(box.content[FULL_HEADER : FULL_HEADER + wide])
        # A protection number precedes the type, and a name, ended by a zero, the content type.
        rest = box.content[FULL_HEADER + wide + 2 :]
        content_type = rest[4:].split(b"\0")[1] if rest[:4] == b"mime" and rest.count(b"\0") > 1 else b""
        kinds[number] = (rest[:4], content_type)
    return kinds


def _read_locations(content: bytes) -> list[tuple[int, int, tuple[tuple[int, int], ...]]]:
    """Read where each item lies (box ``iloc``): its number, the construction method, and its pieces."""
    if not content:
        raise ValueError("it does not say where its items lie")
    version = content[0]
    offset, length, base = content[4] >> 4, content[4] & 15, content[5] >> 4
    index = content[5] & 15 if version else 0
    place = FULL_HEADER + 2

    def take(size: int) -> int:
        nonlocal place
        if place + size > len(content):
            raise IndexError
        place += size
        return int.from_bytes(content[place - size : place])

    found = []
    for _ in range(take(2 if version < 2 else 4)):
        number = take(2 if version < 2 else 4)
        method = take(2) & 15 if version else IN_FILE
        take(2)
        start, pieces, extents = take(base), take(2), []
        # Pieces of which nothing is said are all the same, and a short table could list millions of them.
        for _ in range(pieces if index + offset + length else min(pieces, 1)):
            take(index)
            extents.append((start + take(offset), take(length)))
        found.append((number, method, tuple(extents)))
    return found


def _first_tile(references: bytes, number: int) -> int:
    """Return the number of the first picture that a grid consists of (box ``iref``), and for others their own."""
    size = 2 if references[:1] == b"\0" else 4
    for box in read_boxes(references[FULL_HEADER:]):
        if box.kind == b"dimg" and int.from_bytes(box.content[:size]) == number:
            # How many there are takes two bytes.
            return int.from_bytes(box.content[size + 2 : 2 * size + 2])
    return number


def _associations(properties: list[FileBox], picture: int) -> list[int]:
    """Return the numbers, from 1, of the properties of a picture (box ``ipma``)."""
    content = first_box(properties, b"ipma") or bytes(FULL_HEADER + 4)
    wide_item, wide_property = content[0] > 0, content[3] & 1
    place = FULL_HEADER + 4
    for _ in range(int.from_bytes(content[FULL_HEADER : FULL_HEADER + 4])):
        number, count = struct.unpack_from(">IB" if wide_item else ">HB", content, place)
        place += 5 if wide_item else 3
        size = 2 if wide_property else 1
        own = [int.from_bytes(content[at : at + size]) for at in range(place, place + count * size, size)]
        if number == picture:
            return [value & (0x7FFF if wide_property else 0x7F) for value in own]
        place += count * size
    return []
