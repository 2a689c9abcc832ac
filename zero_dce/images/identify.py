"""Which files Pillow does not read in full, told by their first bytes without importing what reads them."""

from __future__ import annotations

from io import SEEK_CUR, SEEK_END
from pathlib import Path
from typing import BinaryIO

from zero_dce.images.suffixes import PICTURE_FORMATS

# How files begin, and where the header of a PNG gives its bits per channel.
PNG_START, PNG_DEPTH = b"\x89PNG\r\n\x1a\n", 24
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# A codestream, and the box that files of them begin with; of JPEG 2000 also the marker of its sizes, which follows.
JXL_CODE_START, JXL_START = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
JP2_CODE_START, JP2_START = b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"
READ_IN_FULL = (JXL_CODE_START, JXL_START, JP2_CODE_START, JP2_START)
RAW_SUFFIXES = PICTURE_FORMATS["RAW"].suffixes
# Where the header of a BMP says that it embeds a colour profile, see the reader.
BMP_PROFILE, BYTES_TO_IDENTIFY = slice(70, 74), 74
# How other pictures begin, which this package does not read.
OTHER_STARTS = {
    (b"GIF87a", b"GIF89a"): "a GIF",
    (b"P1\n", b"P2\n", b"P3\n", b"P4\n", b"P5\n", b"P6\n", b"Pf\n", b"PF\n"): "a PPM, PGM, PBM or PFM",
    (b"8BPS",): "a Photoshop",
    (b"\0\0\1\0",): "an ICO",
    (b"\x76\x2f\x31\x01",): "an OpenEXR",
    (b"#?RADIANCE", b"#?RGBE"): "a Radiance HDR",
}
# The chunks of a PNG that say which colours its numbers mean.
PNG_SPACES = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")


def goes_to_reader(stream: BinaryIO, path: Path) -> bool:
    """Tell whether one of this package's readers reads a file; the stream is rewound."""
    needs_reader = path.suffix.lower() in RAW_SUFFIXES or _needs_reader(stream)
    stream.seek(0)
    return needs_reader


def other_format(path: Path) -> str:
    """Return the format of a picture that is not read here, with its article; empty: it is none of them."""
    with path.open("rb") as stream:
        start = stream.read(BYTES_TO_IDENTIFY)
    return next((name for starts, name in OTHER_STARTS.items() if start.startswith(starts)), "")


def _needs_reader(stream: BinaryIO) -> bool:
    """Tell whether a file is one that Pillow does not read in full.

    It does not know HEIC, JPEG XL and all kinds of TIFF, cuts 16 bits, and passes over the profile of a BMP and what
    gives the colours of a PNG, an AVIF or a JPEG 2000 by numbers.
    """
    start = stream.read(BYTES_TO_IDENTIFY)
    if start.startswith(READ_IN_FULL) or start[4:8] == b"ftyp":
        return True
    if start.startswith(PNG_START):
        return start[PNG_DEPTH : PNG_DEPTH + 1] == b"\x10" or _needs_conversion(_colour_chunks(stream))
    if start.startswith(b"BM"):
        return start[BMP_PROFILE] == b"DEBM"
    return start[:4] in TIFF_STARTS


def _colour_chunks(stream: BinaryIO) -> dict[bytes, bytes]:
    """Read the chunks that give a PNG's colour space; they precede the pixels."""
    found: dict[bytes, bytes] = {}
    # As much memory as a read may return is set aside first, and a damaged chunk says that it has four gigabytes.
    most = stream.seek(0, SEEK_END)
    stream.seek(len(PNG_START))
    while len(head := stream.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
        length, kind = int.from_bytes(head[:4]), head[4:]
        if kind in PNG_SPACES:
            found.setdefault(kind, stream.read(min(length, most)))
            length = 0
        # A checksum of four bytes follows the content.
        stream.seek(length + 4, SEEK_CUR)
    return found


def _needs_conversion(found: dict[bytes, bytes]) -> bool:
    """Tell whether a PNG's colours differ from sRGB by chunks that Pillow passes over."""
    if b"cICP" in found:
        return True
    if not found or b"iCCP" in found or b"sRGB" in found:
        return False
    # Few files have one of these.
    from zero_dce.images.formats.png_colour import png_space

    space, notices = png_space(found, grey=False)
    return space is not None or bool(notices)
