"""EXIF, XMP and properties put into an AVIF file, whose codec takes pixels alone (ISO/IEC 23008-12)."""

from __future__ import annotations

import struct

from zero_dce.images.formats.bmff import first_box, make_box, read_boxes
from zero_dce.images.formats.bmff_items import FULL_HEADER, IN_FILE, XMP_TYPE, Container, ContainerItem, read_container


def add_items(file: bytes, exif: bytes, xmp: bytes, properties: list[bytes]) -> bytes:
    """Put EXIF, XMP and properties of the main picture into a file of one picture, as the codec writes it.

    Args:
        file: the encoded picture.
        exif: the content of an Exif item; empty for none.
        xmp: an XMP packet; empty for none.
        properties: whole boxes; those of transformations are marked as essential.
    """
    container = read_container(file)
    texts = [(b"Exif\0", exif)] * bool(exif) + [(b"mime\0" + XMP_TYPE + b"\0", xmp)] * bool(xmp)
    first = max(container.items) + 1
    boxes = read_boxes(file)
    places = [box.kind for box in boxes]
    meta = boxes[places.index(b"meta")].content
    start = sum(len(make_box(*box)) for box in boxes[: places.index(b"meta")])
    # The places of the items depend on the length of the tables, and not the other way round.
    shift = len(_with_items(meta, container, first, texts, properties, 0, 0)) - len(make_box(b"meta", meta))
    end = len(file) + shift + 8
    table = _with_items(meta, container, first, texts, properties, shift, end)
    rest = file[start + len(make_box(b"meta", meta)) :]
    added = make_box(b"mdat", *(content for _, content in texts)) if texts else b""
    return file[:start] + table + rest + added


def _with_items(
    meta: bytes,
    container: Container,
    first: int,
    texts: list[tuple[bytes, bytes]],
    properties: list[bytes],
    shift: int,
    end: int,
) -> bytes:
    """Return the box ``meta`` with further items and properties; old items have moved by ``shift`` bytes."""
    boxes = read_boxes(meta[FULL_HEADER:])
    items = dict(container.items)
    for number, (_, content) in enumerate(texts, first):
        items[number] = ContainerItem(b"", b"", IN_FILE, ((end, len(content)),))
        end += len(content)
    changed = []
    for box in boxes:
        content = box.content
        if box.kind == b"iinf":
            content = _with_entries(content, first, [kind for kind, _ in texts])
        elif box.kind == b"iloc":
            content = _locations(items, shift, first)
        elif box.kind == b"iprp":
            content = _with_properties(content, container.primary, properties)
        elif box.kind == b"iref":
            continue
        changed.append(make_box(box.kind, content))
    references = first_box(boxes, b"iref") or bytes(FULL_HEADER)
    for number in range(first, first + len(texts)):
        references += make_box(b"cdsc", struct.pack(">HHH", number, 1, container.primary))
    if len(references) > FULL_HEADER:
        changed.append(make_box(b"iref", references))
    return make_box(b"meta", meta[:FULL_HEADER], *changed)


def _with_entries(content: bytes, first: int, kinds: list[bytes]) -> bytes:
    """Return the content of ``iinf`` with further entries of version 2, without protection or a name."""
    for number, kind in enumerate(kinds, first):
        content += make_box(b"infe", b"\2\0\0\0", struct.pack(">HH", number, 0), kind)
    count = int.from_bytes(content[FULL_HEADER : FULL_HEADER + 2]) + len(kinds)
    return content[:FULL_HEADER] + struct.pack(">H", count) + content[FULL_HEADER + 2 :]


def _locations(items: dict[int, ContainerItem], shift: int, first: int) -> bytes:
    """Return the content of ``iloc``, version 0 with places and lengths of four bytes."""
    content = bytes(FULL_HEADER) + b"\x44\0" + struct.pack(">H", len(items))
    for number, item in items.items():
        content += struct.pack(">HHH", number, 0, len(item.extents))
        for start, length in item.extents:
            content += struct.pack(">II", start + (shift if number < first else 0), length)
    return content


def _with_properties(content: bytes, primary: int, properties: list[bytes]) -> bytes:
    """Return the content of ``iprp`` with further properties of the main picture."""
    boxes = read_boxes(content)
    known = first_box(boxes, b"ipco") or b""
    count = len(read_boxes(known))
    table = first_box(boxes, b"ipma") or b""
    entries = bytearray()
    place = FULL_HEADER + 4
    for _ in range(int.from_bytes(table[FULL_HEADER : FULL_HEADER + 4])):
        number, associations = struct.unpack_from(">HB", table, place)
        own = table[place + 3 : place + 3 + associations]
        if number == primary:
            own += bytes(
                count + at | (0x80 if box[4:8] in (b"irot", b"imir") else 0) for at, box in enumerate(properties, 1)
            )
        entries += struct.pack(">HB", number, len(own)) + own
        place += 3 + associations
    return make_box(b"ipco", known, *properties) + make_box(b"ipma", table[: FULL_HEADER + 4], bytes(entries))
