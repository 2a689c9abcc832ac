"""What a TIFF's tags say about its pixels, checked before anything is decoded."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from zero_dce.images.capacity import (
    DEFLATE_FACTOR,
    JPEG_PIXELS_A_BYTE,
    check_claim,
    check_jpeg_scans,
    has_arithmetic_code,
)
from zero_dce.images.formats.photograph import CheckSize
from zero_dce.images.ifd import Directory, size_of
from zero_dce.images.jpeg_file import BareJpegFile


class Photometric(IntEnum):
    """The colour spaces that are read (TIFF 6.0, PhotometricInterpretation)."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    CMYK = 5
    YCBCR = 6
    LAB = 8


COLOURS = {
    Photometric.WHITE_IS_ZERO: 1,
    Photometric.BLACK_IS_ZERO: 1,
    Photometric.RGB: 3,
    Photometric.PALETTE: 1,
    Photometric.CMYK: 4,
    Photometric.YCBCR: 3,
    Photometric.LAB: 3,
}
# Bits per sample that are read; of other colour spaces 8, 12 and 16.
BITS: dict[int, tuple[int, ...]] = {
    Photometric.WHITE_IS_ZERO: (1, 2, 4, 8, 12, 16),
    Photometric.BLACK_IS_ZERO: (1, 2, 4, 8, 12, 16),
    Photometric.PALETTE: (1, 2, 4, 8),
    Photometric.CMYK: (8,),
    Photometric.YCBCR: (8,),
    Photometric.LAB: (8,),
}
JPEG = 7
# None, CCITT (3), LZW, JPEG, deflate (2), PackBits, LZMA, Zstandard: none can decode to more than a strip's size.
COMPRESSIONS = (1, 2, 3, 4, 5, JPEG, 8, 32946, 32773, 34925, 50000)
UNSIGNED, FLOATING, UNDEFINED = 1, 3, 4
# Floating-point numbers are those of IEEE 754, of the colour spaces without tables.
FLOATING_BITS = (16, 32, 64)
FLOATING_KINDS = (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO, Photometric.RGB)
NOT_COMPRESSED = 1
# Of CCITT's codes for fax, the best takes one bit for a row like the one above it (ITU-T T.6, table 1).
FAX = (2, 3, 4)
# How many bytes one byte becomes at best. An LZW code of 12 bits stands for at most 3,839 bytes, since 3,838 codes are
# free for strings that grow by one (TIFF 6.0, section 13); PackBits repeats a byte 128 times in two (section 9); a
# block of Zstandard has at least 4 bytes and becomes at most 128 KiB (RFC 8878, section 3.1.1.2). LZMA has no bound.
MOST_FACTORS = {
    NOT_COMPRESSED: 1.0,
    5: 3839 * 8 / 12,
    8: DEFLATE_FACTOR,
    32946: DEFLATE_FACTOR,
    32773: 64,
    50000: (128 << 10) / 4,
}
# Tiles have at least 16 x 16 pixels (TIFF 6.0, section 15). Each strip or tile takes time, however small: there are no
# more smaller ones than in a very narrow picture with a strip for each row.
LEAST_SEGMENT, MOST_SMALL_SEGMENTS = 256, 1 << 14
DNG_VERSION = 50706
# A JPEG's header is looked for in so many bytes.
JPEG_HEADER = 1 << 16


@dataclass(frozen=True)
class TiffLayout:
    """Size and kind of the pixels of a TIFF's first page, in the numbers of its tags."""

    width: int
    height: int
    bits: int
    floating: bool
    photometric: Photometric
    samples: int
    planar: bool
    palette: tuple[int, ...]

    @property
    def colours(self) -> int:
        """The number of channels that hold colour."""
        return COLOURS[self.photometric]


def read_layout(page: Directory, check_size: CheckSize) -> TiffLayout:
    """Read and check what decoding relies on.

    Raises:
        ValueError: if the page is too large, damaged, truncated, or of a kind that is not read.
    """
    width, height = page.number(256), page.number(257)
    check_size(width, height)
    _check_kind(page)
    photometric = Photometric(page.number(262))
    bits, floating = _read_bits(page, photometric)
    found = TiffLayout(
        width=width,
        height=height,
        bits=bits,
        floating=floating,
        photometric=photometric,
        samples=page.number(277, 1),
        planar=page.number(284, 1) == 2,
        palette=page.numbers(320, ()),
    )
    _check_samples(found)
    _check_segments(page, found, check_size)
    return found


def _check_kind(page: Directory) -> None:
    if DNG_VERSION in page.entries or page.number(254, 0) & 1:
        raise ValueError(
            "a raw file, which is read by its suffix, such as .dng, or one that starts with a small preview: export "
            "it to a plain TIFF"
        )
    compression, photometric = page.number(259, 1), page.number(262)
    if compression not in COMPRESSIONS:
        raise ValueError(f"its compression is of number {compression}; those read are {COMPRESSIONS}")
    if photometric not in COLOURS:
        raise ValueError(f"its colours are of kind {photometric}; those read are grey, RGB, palette, CMYK, YCbCr, Lab")
    if photometric == Photometric.CMYK and page.number(332, 1) != 1:
        raise ValueError("its inks are not cyan, magenta, yellow and black")
    if photometric == Photometric.YCBCR and compression != JPEG:
        raise ValueError("it holds YCbCr that is not compressed as JPEG")
    if page.number(32997, 1) != 1:
        raise ValueError("it is a volume of several layers")


def _read_bits(page: Directory, photometric: Photometric) -> tuple[int, bool]:
    """Return the bits a channel, and whether they are a floating-point number."""
    bits, kinds = set(page.numbers(258, (1,))), set(page.numbers(339, (UNSIGNED,)))
    floating = kinds == {FLOATING}
    if not floating and not kinds <= {UNSIGNED, UNDEFINED}:
        raise ValueError("its pixels are signed or complex numbers, whose range is not known: 8 or 16 bits, or floats")
    allowed = BITS.get(photometric, (8, 12, 16))
    if floating:
        allowed = FLOATING_BITS if photometric in FLOATING_KINDS else ()
    if len(bits) != 1 or not bits <= set(allowed):
        kind = "floating-point bits" if floating else "bits"
        raise ValueError(
            f"it has {' and '.join(map(str, sorted(bits)))} {kind} a channel; of {photometric.name} are read {allowed}"
        )
    return bits.pop(), floating


def _check_samples(found: TiffLayout) -> None:
    further = found.samples - found.colours
    grey = found.photometric in (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO)
    most = 8
    if found.photometric == Photometric.PALETTE:
        most = 0
    elif grey:
        most = 1
    if not 0 <= further <= most or (further and found.bits < 8):
        raise ValueError(f"it has {found.samples} channels of {found.bits} bits, unusual for {found.photometric.name}")
    if found.photometric == Photometric.PALETTE and len(found.palette) != 3 * 2**found.bits:
        raise ValueError(f"its palette has {len(found.palette)} numbers; {3 * 2**found.bits} are needed")


def _check_segments(page: Directory, found: TiffLayout, check_size: CheckSize) -> None:
    """Raise ValueError unless all strips or tiles lie in the file, and are no larger than they should be."""
    tiled = 322 in page.entries
    # Some programs list tiles in the tags of strips.
    places, sizes = (324, 325) if tiled and 324 in page.entries else (273, 279)
    starts, lengths = page.numbers(places), page.numbers(sizes)
    if tiled:
        width, height = page.number(322), page.number(323)
        check_size(width, height)
    else:
        width, height = found.width, max(1, min(found.height, page.number(278, found.height)))
    needed = math.ceil(found.width / width) * math.ceil(found.height / height)
    if found.planar:
        needed *= found.samples
    if needed > MOST_SMALL_SEGMENTS and width * height < LEAST_SEGMENT:
        kind = f"{needed} strips or tiles of {width} x {height} pixels"
        raise ValueError(f"it has {kind}: it is damaged, or a decompression bomb")
    if min(len(starts), len(lengths)) < needed:
        listed = min(len(starts), len(lengths))
        raise ValueError(f"it is damaged: {needed} strips or tiles are needed, {listed} are listed")
    # What is listed beyond them is never decoded.
    starts, lengths = starts[:needed], lengths[:needed]
    end = size_of(page.stream)
    for start, length in zip(starts, lengths, strict=True):
        if start < 1 or length < 1 or start + length > end:
            raise ValueError("it is truncated: some of its strips or tiles lie outside the file")
    factor = _pixels_a_byte(page, found, starts[0], lengths[0])
    if factor is not None:
        # Strips may share their bytes, and some programs list too few of them for pixels that lie in one piece.
        check_claim(found.width, found.height, max(end, sum(lengths)), factor)
    if page.number(259, 1) == JPEG:
        different = set(zip(starts, lengths, strict=True))
        if sum(length for _, length in different) > end:
            raise ValueError("it is damaged: its strips or tiles overlap")
        for start, length in different:
            _check_jpeg(page.stream, start, length, width, height)


def _pixels_a_byte(page: Directory, found: TiffLayout, start: int, length: int) -> float | None:
    """Return how many pixels a byte of the file can hold at best; ``None`` where no bound is known."""
    compression = page.number(259, 1)
    if compression in FAX:
        return 8 * found.width
    if compression == JPEG:
        page.stream.seek(start)
        first = io.BytesIO(page.stream.read(min(length, JPEG_HEADER)))
        return None if has_arithmetic_code(first) else JPEG_PIXELS_A_BYTE
    if compression not in MOST_FACTORS:
        return None
    return MOST_FACTORS[compression] * 8 / (found.samples * found.bits)


def _check_jpeg(stream: BinaryIO, start: int, length: int, width: int, height: int) -> None:
    stream.seek(start)
    jpeg = io.BytesIO(stream.read(length))
    check_jpeg_scans(jpeg)
    jpeg.seek(0)
    try:
        size = BareJpegFile(jpeg).size
    except (SyntaxError, OSError) as error:
        raise ValueError(f"one of its strips or tiles is no JPEG: {error}") from error
    if size[0] > width or size[1] > height:
        raise ValueError(f"one of its strips or tiles holds {size[0]} x {size[1]} pixels instead of {width} x {height}")
