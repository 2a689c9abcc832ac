"""JPEG files that would take more time or memory than their length tells: their tags, and their scans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from PIL.JpegImagePlugin import JpegImageFile

# In the pixels' code, 0xFF is followed by 0, a restart marker or more 0xFF; anything else is the next marker.
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
# Encoders make about ten. A megapixel in so many takes a second.
MOST_SCANS = 500
# The header of the first scan is looked for in so many bytes.
SCAN_HEADER = 1 << 16


class BareJpegFile(JpegImageFile):
    """A JPEG whose EXIF block stays bytes.

    Pillow looks for a resolution there, and for that copies the value of every tag. Thousands of tags may share the
    same bytes, so that a file of a megabyte would take gigabytes.
    """

    def _read_dpi_from_exif(self) -> None:
        """Read nothing."""


def check_scans(jpeg: BinaryIO, components: int, sequential: bool) -> None:
    """Raise ValueError if there are more scans than any encoder makes.

    Args:
        jpeg: the file behind the header of its frame.
        components: how many the frame has.
        sequential: whether each component is in one scan. Most files are so, with all components in the first scan,
            and no more than its header is read of them.
    """
    content = jpeg.read(SCAN_HEADER)
    first = next((place for marker, place in jpeg_markers(content) if marker == START_OF_SCAN), None)
    if first is not None and sequential and content[first + 2 : first + 3] == bytes((components,)):
        return
    scans = 0
    for marker, _ in jpeg_markers(content + jpeg.read()):
        scans += marker == START_OF_SCAN
        if scans > MOST_SCANS:
            raise ValueError(f"it has more than {MOST_SCANS} scans: it is damaged, or a decompression bomb")


def jpeg_markers(content: bytes, place: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the markers of a JPEG from a place on, and where their content begins, to the end of the picture."""
    while match := NEXT_MARKER.search(content, place):
        marker, place = content[match.end() - 1], match.end()
        yield marker, place
        if marker == END_OF_IMAGE:
            return
        # Every other marker of a picture has a length, which counts itself.
        place += int.from_bytes(content[place : place + 2])
