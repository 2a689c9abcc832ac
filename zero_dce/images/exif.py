"""EXIF blocks are kept byte for byte, except for the thumbnail, which shows the picture as it was before."""

from __future__ import annotations

import io

from zero_dce.images.ifd import ORIENTATION, SHORT, ByteLayout, Directory, read_directory, read_header

# Tags that say where the thumbnail starts and how long it is (Exif 2.32, section 4.6.5).
THUMBNAIL_START, THUMBNAIL_LENGTH = 513, 514
# It precedes the block in a JPEG, and sometimes in a WebP.
EXIF_PREFIX = b"Exif\0\0"
EXIF_STARTS = (b"II*\0", b"MM\0*")


def exif_in_box(content: bytes) -> bytes:
    """Return the block in a box or item: its first four bytes say how many, such as a prefix, precede the block."""
    return content[4 + int.from_bytes(content[:4]) :].removeprefix(EXIF_PREFIX)


def is_exif(block: bytes) -> bool:
    """Tell whether a block starts as one does."""
    return block.startswith(EXIF_STARTS)


def orientation_of(block: bytes) -> int:
    """Read the orientation, 1 to 8; 1 where there is none or the block is damaged."""
    place = _orientation_place(block)
    if place is None:
        return 1
    layout, start = place
    (value,) = layout.read(io.BytesIO(block[start : start + 2]), "H")
    return value if 1 <= value <= 8 else 1


def set_upright(block: bytes) -> bytes:
    """Set the orientation to 1, where there is one."""
    place = _orientation_place(block)
    if place is None:
        return block
    layout, start = place
    return block[:start] + layout.pack("H", 1) + block[start + 2 :]


def drop_thumbnail(block: bytes) -> bytes:
    """Unlink the thumbnail's directory and remove its JPEG; everything else stays in its place.

    Makers' notes hold offsets from the start of the block, so nothing may move. A damaged block stays as it is.
    """
    try:
        main = _read_main(block)
        if not main.next:
            return block
        unlinked = block[: main.next_place] + bytes(4) + block[main.next_place + 4 :]
    except ValueError:
        return block
    try:
        directory = read_directory(main.stream, main.layout, main.next)
        start, length = directory.number(THUMBNAIL_START), directory.number(THUMBNAIL_LENGTH)
    except ValueError:
        return unlinked
    if block[start : start + 2] != b"\xff\xd8":
        return unlinked
    end = start + length
    return unlinked[:start] if end >= len(block) else unlinked[:start] + bytes(length) + unlinked[end:]


def _read_main(block: bytes) -> Directory:
    stream = io.BytesIO(block)
    layout, start = read_header(stream)
    return read_directory(stream, layout, start)


def _orientation_place(block: bytes) -> tuple[ByteLayout, int] | None:
    try:
        main = _read_main(block)
    except ValueError:
        return None
    entry = main.entries.get(ORIENTATION)
    if entry is None or (entry.type, entry.count) != (SHORT, 1):
        return None
    return main.layout, entry.place
