"""Photoshop's image resources in JPEG and TIFF files: captions and paths are kept, previews are removed."""

from __future__ import annotations

import struct

# Thumbnails show the picture as it was before (Adobe Photoshop File Formats Specification, image resource IDs).
PREVIEWS = (1033, 1036)


def drop_previews(resources: bytes) -> bytes:
    """Remove the thumbnails. Whatever cannot be read as resources stays as it is."""
    kept, start = b"", 0
    while start < len(resources):
        end, number = _resource(resources, start)
        if end is None:
            return kept + resources[start:]
        if number not in PREVIEWS:
            kept += resources[start:end]
        start = end
    return kept


def _resource(resources: bytes, start: int) -> tuple[int | None, int]:
    """Return end and number of the resource that starts here; it holds signature, number, name, size and data."""
    if resources[start : start + 4] not in (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR") or start + 12 > len(resources):
        return None, 0
    (number,) = struct.unpack_from(">H", resources, start + 4)
    name = 1 + resources[start + 6]
    place = start + 6 + name + name % 2
    if place + 4 > len(resources):
        return None, 0
    (size,) = struct.unpack_from(">I", resources, place)
    end = place + 4 + size
    # Some programs omit the padding of the last one.
    return (min(end + size % 2, len(resources)), number) if end <= len(resources) else (None, 0)
