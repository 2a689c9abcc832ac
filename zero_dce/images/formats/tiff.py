"""TIFF files: tifffile decodes the pixels, tags are kept byte for byte, and compression is lossless."""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

import numpy as np

from zero_dce.images.canvas import ArrayCanvas, Canvas, PixelArray
from zero_dce.images.colour import icc_space, srgb_profile
from zero_dce.images.formats.depth import cut_depth
from zero_dce.images.formats.photograph import CheckSize, Content
from zero_dce.images.formats.tiff_colour import to_grey_or_rgb
from zero_dce.images.formats.tiff_layout import FLOATING, Photometric, TiffLayout, read_layout
from zero_dce.images.formats.tiff_tags import (
    COLOUR_SPACE_TAGS,
    LAYERS,
    PROFILE_TAG,
    Tag,
    read_tags,
    whole_numbers,
    write_directory,
)
from zero_dce.images.ifd import (
    LONG,
    ORIENTATION,
    SHORT,
    ByteLayout,
    Directory,
    read_directory,
    read_header,
    size_of,
)

EXTRA_SAMPLES, SAMPLE_FORMAT = 338, 339
ASSOCIATED, NOT_ASSOCIATED = 1, 2
XMP_TAG = 700
# The types of tags that hold bytes, and bytes of any meaning.
BYTES, UNDEFINED_BYTES = 1, 7
DEFLATE, NO_PREDICTION, HORIZONTAL = 8, 1, 2
# So many bytes are compressed at once.
TIFF_STRIP_BYTES = 1 << 19
# A picture of more bytes may need 64-bit offsets.
LARGEST_CLASSIC_TIFF = 0xF0000000

# Without a handler tifffile's remarks on odd tags would appear on standard error.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class TiffKept:
    """What a TIFF holds beside its pixels.

    Attributes:
        layout: how numbers lie in the file.
        tags: those that still hold, EXIF and GPS among them.
        extra: what each further channel is (ExtraSamples): 1 and 2 are kinds of alpha.
        bits: how many each number has, where these are not those of the canvas: 12, or 16, 32 and 64 of floats.
    """

    layout: ByteLayout
    tags: tuple[Tag, ...]
    extra: tuple[int, ...] = ()
    bits: int | None = None

    @property
    def orientation(self) -> int:
        """The orientation, 1 to 8."""
        for tag in self.tags:
            if (tag.number, tag.type, tag.count) == (ORIENTATION, SHORT, 1):
                value = int.from_bytes(cast("bytes", tag.value), "little" if self.layout.order == "<" else "big")
                return value if 1 <= value <= 8 else 1
        return 1

    def upright(self) -> TiffKept:
        """The same with orientation 1."""
        turned = whole_numbers(self.layout, ORIENTATION, (1,))
        return replace(self, tags=tuple(turned if tag.number == ORIENTATION else tag for tag in self.tags))

    def as_srgb(self) -> TiffKept:
        """The same with an sRGB profile in place of its own."""
        others = tuple(tag for tag in self.tags if tag.number not in COLOUR_SPACE_TAGS)
        profile = srgb_profile()
        return replace(self, tags=(*others, Tag(PROFILE_TAG, UNDEFINED_BYTES, len(profile), profile)))

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:  # noqa: ARG002
        """Compress a canvas, in the file's byte order; beyond 4 GiB as a BigTIFF."""
        pixels = cast("ArrayCanvas", canvas).pixels
        layout = replace(self.layout, big=self.layout.big or pixels.nbytes > LARGEST_CLASSIC_TIFF)
        rows = max(1, TIFF_STRIP_BYTES // pixels[0].nbytes)
        start = layout.pack("HHH", 43, 8, 0) if layout.big else layout.pack("H", 42)
        stream.write((b"II" if layout.order == "<" else b"MM") + start)
        pointer = stream.tell()
        stream.write(layout.pack(layout.offset, 0))
        places, lengths = [], []
        for strip in _strips(pixels, rows, layout.order, self.bits):
            places.append(stream.tell())
            lengths.append(stream.write(strip))
        tags = [*self.tags, *_structure(layout, pixels, self, rows)]
        tags += [whole_numbers(layout, 273, places, LONG), whole_numbers(layout, 279, lengths, LONG)]
        place = write_directory(stream, layout, tags)
        stream.seek(pointer)
        stream.write(layout.pack(layout.offset, place))


def read_tiff(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a TIFF's first page; palettes, CMYK and Lab become RGB.

    Raises:
        ValueError: if it is too large, damaged, or of a kind that is not read; decoders raise what they like.
    """
    page = read_directory(stream, *read_header(stream))
    found = read_layout(page, check_size)
    tags, notices = read_tags(page)
    further = found.samples - found.colours
    extra = (*page.numbers(EXTRA_SAMPLES, ()), *[0] * further)[:further]
    profile = None
    for tag in tags:
        if tag.number == PROFILE_TAG:
            profile = cast("bytes", tag.value)
    pixels, notice = to_grey_or_rgb(_decode(stream, found), found, profile)
    space = None
    if found.photometric in (Photometric.CMYK, Photometric.LAB):
        tags = tuple(tag for tag in tags if tag.number not in COLOUR_SPACE_TAGS)
    else:
        grey = found.photometric in (Photometric.WHITE_IS_ZERO, Photometric.BLACK_IS_ZERO)
        space, problem = icc_space(profile, grey)
        notices += [problem] if problem else []
    notices += [notice] if notice else []
    notices += _notices(page)
    alpha = None
    if ASSOCIATED in extra:
        alpha = pixels[..., extra.index(ASSOCIATED) - len(extra)]
    bits = found.bits if found.floating or found.bits == 12 else None
    return Content(ArrayCanvas(pixels), TiffKept(page.layout, tags, extra, bits), notices, space, alpha)


def tiff_kept(exif: bytes, profile: bytes, xmp: bytes, pixels: PixelArray) -> tuple[TiffKept, list[str]]:
    """Return what a new TIFF holds beside pixels that come from a file of another format, and what is left out.

    Args:
        exif: an EXIF block, whose tags are taken over; empty for none.
        profile: an ICC profile, and ``xmp`` an XMP packet; empty for none.
        xmp: see ``profile``.
        pixels: of grey or RGB; an even number of channels means alpha, which colours are not multiplied by.
    """
    layout, tags, notices = ByteLayout("<"), tuple[Tag, ...](), list[str]()
    if exif:
        try:
            page = read_directory(io.BytesIO(exif), *read_header(io.BytesIO(exif)))
            layout, (tags, notices) = page.layout, read_tags(page)
        except ValueError as error:
            notices = [f"EXIF cannot be read and is left out: {error}"]
    others = tuple(tag for tag in tags if tag.number not in (PROFILE_TAG, XMP_TAG))
    if profile:
        others += (Tag(PROFILE_TAG, UNDEFINED_BYTES, len(profile), profile),)
    if xmp:
        others += (Tag(XMP_TAG, BYTES, len(xmp), xmp),)
    has_alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
    return TiffKept(layout, others, (NOT_ASSOCIATED,) if has_alpha else ()), notices


def _decode(stream: BinaryIO, found: TiffLayout) -> PixelArray:
    """Decode the first page: H x W, or H x W x channels; packed samples become one byte each."""
    import tifffile  # slow to import, and only a TIFF needs it

    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        pixels: PixelArray = file.pages.first.asarray()
    if not pixels.dtype.isnative:
        pixels = pixels.byteswap(inplace=True).view(pixels.dtype.newbyteorder())
    if found.samples > 1 and found.planar:
        pixels = np.moveaxis(pixels, 0, 2)
    expected: tuple[int, ...] = (found.height, found.width)
    if found.samples > 1:
        expected = (*expected, found.samples)
    if pixels.dtype == np.bool_:
        # tifffile gives single bits as truth values.
        pixels = pixels.astype(np.uint8)
    if pixels.shape != expected:
        raise ValueError(f"it is damaged: pixels of shape {pixels.shape} instead of {expected}")
    return pixels


def _notices(page: Directory) -> list[str]:
    notices = []
    pages = _count_pages(page)
    if pages > 1:
        notices.append(f"{pages} pages: the first is taken")
    if LAYERS in page.entries:
        notices.append("Photoshop layers: left out, the flattened picture is taken")
    return notices


def _count_pages(page: Directory) -> int:
    """Return how many pages follow each other; damaged ones that overlap are counted up to the file's length."""
    seen: set[int] = set()
    left = size_of(page.stream)
    while page.next and page.next not in seen and left > 0:
        start = page.next
        seen.add(start)
        try:
            page = read_directory(page.stream, page.layout, start)
        except ValueError:
            break
        left -= page.next_place - start
    return 1 + len(seen)


def _structure(layout: ByteLayout, pixels: PixelArray, kept: TiffKept, rows: int) -> list[Tag]:
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    colours = 1 if channels < 3 else 3
    photometric = Photometric.BLACK_IS_ZERO if colours == 1 else Photometric.RGB
    longs = {256: width, 257: height, 278: rows}
    shorts: dict[int, Sequence[int]] = {258: [kept.bits or 8 * pixels.itemsize] * channels, 259: [DEFLATE]}
    shorts |= {262: [photometric], 277: [channels], 284: [1], 317: [NO_PREDICTION if kept.bits else HORIZONTAL]}
    if pixels.dtype.kind == "f":
        shorts[SAMPLE_FORMAT] = [FLOATING] * channels
    if channels > colours:
        shorts[EXTRA_SAMPLES] = kept.extra[: channels - colours]
    tags = [whole_numbers(layout, number, (value,), LONG) for number, value in longs.items()]
    return tags + [whole_numbers(layout, number, values) for number, values in shorts.items()]


def _strips(pixels: PixelArray, rows: int, order: str, bits: int | None) -> Iterator[bytes]:
    """Compress a few rows at a time, whole bytes as differences from the pixel to the left (TIFF 6.0, section 14)."""
    for top in range(0, len(pixels), rows):
        strip = np.array(pixels[top : top + rows], order="C")
        if bits is None:
            strip[:, 1:] -= pixels[top : top + rows, :-1]
            content = strip.astype(f"{order}u{strip.itemsize}").tobytes()
        elif strip.dtype.kind == "f":
            content = strip.astype(f"{order}f{bits // 8}").tobytes()
        else:
            content = _pack_12_bits(cut_depth(strip, bits))
        yield zlib.compress(content)


def _pack_12_bits(strip: PixelArray) -> bytes:
    """Put two numbers into three bytes; every row ends with a whole byte (TIFF 6.0, BitsPerSample)."""
    numbers = strip.reshape(len(strip), -1)
    row_bytes = (numbers.shape[1] * 12 + 7) // 8
    numbers = np.pad(numbers, ((0, 0), (0, numbers.shape[1] % 2)))
    first, second = numbers[:, ::2], numbers[:, 1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1).astype(np.uint8)
    return packed.reshape(len(strip), -1)[:, :row_bytes].tobytes()
