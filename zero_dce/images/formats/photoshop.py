"""Photoshop's image resources in JPEG and TIFF files: captions and paths are kept, previews are removed."""

from __future__ import annotations

import struct

# Thumbnails show the picture as it was before (Adobe Photoshop File Formats Specification, image resource IDs).
PREVIEWS = (1033, 1036)


def drop_previews(resources: bytes) -> bytes:
    """Remove the thumbnails. Whatever cannot be read as resources stays as it is."""
    kept, start = bytearray(), 0
    while start < len(resources):
        try:
            number, end = _read_resource(resources, start)
        except (struct.error, ValueError):
            return bytes(kept) + resources[start:]
        if number not in PREVIEWS:
            kept += resources[start:end]
        start = end
    return bytes(kept)


def _read_resource(resources: bytes, start: int) -> tuple[int, int]:
    """Return number and end of the resource that starts here; it holds signature, number, name, size and data."""
    signature, number, name = struct.unpack_from(">4sHB", resources, start)
    if signature not in (b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"):
        raise ValueError("no image resource")
    # The name is padded to an even length together with the byte that counts it.
    place = start + 6 + (name + 2) // 2 * 2
    (size,) = struct.unpack_from(">I", resources, place)
    end = place + 4 + size
    if end > len(resources):
        raise ValueError("a truncated image resource")
    # Some programs omit the padding of the last one.
    return number, min(end + size % 2, len(resources))
