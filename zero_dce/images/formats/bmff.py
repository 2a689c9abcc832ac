"""Boxes, of which HEIF, AVIF, JPEG XL and JPEG 2000 files are made (ISO/IEC 14496-12, section 4.2)."""

from __future__ import annotations

from typing import NamedTuple


class FileBox(NamedTuple):
    """A box: its kind, and its content without the header."""

    kind: bytes
    content: bytes


class BoxSpan(NamedTuple):
    """Where a box lies: its kind, and the places of its first byte, of its content, and of the byte after it."""

    kind: bytes
    start: int
    content: int
    end: int


def read_spans(content: bytes) -> list[BoxSpan]:
    """Return where the boxes lie that follow each other; the last one may reach to the end.

    Raises:
        ValueError: if one does not lie in the content.
    """
    spans, start = [], 0
    while start < len(content):
        length, kind, head = int.from_bytes(content[start : start + 4]), content[start + 4 : start + 8], 8
        if length == 1:
            length, head = int.from_bytes(content[start + 8 : start + 16]), 16
        end = start + length if length else len(content)
        if len(kind) < 4 or (length and length < head) or end > len(content):
            raise ValueError(f"it is truncated or damaged inside its box {kind.decode('latin-1')!r}")
        spans.append(BoxSpan(kind, start, start + head, end))
        start = end
    return spans


def read_boxes(content: bytes) -> list[FileBox]:
    """Read the boxes that follow each other; errors are those of :func:`read_spans`."""
    return [FileBox(span.kind, content[span.content : span.end]) for span in read_spans(content)]


def make_box(kind: bytes, *content: bytes) -> bytes:
    """Return a box with its header."""
    length = 8 + sum(map(len, content))
    if length < 1 << 32:
        return length.to_bytes(4) + kind + b"".join(content)
    return (1).to_bytes(4) + kind + (length + 8).to_bytes(8) + b"".join(content)


def first_box(boxes: list[FileBox], kind: bytes) -> bytes | None:
    """Return the content of the first box of a kind; ``None`` where there is none."""
    return next((box.content for box in boxes if box.kind == kind), None)
