"""JPEG XL files: imagecodecs for the pixels; size, depth and colours from the codestream, EXIF and XMP from its boxes.

The decoder turns pictures upright, and so they are written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO, cast

import numpy as np

from zero_dce.images.canvas import ArrayCanvas, Canvas, PixelArray
from zero_dce.images.coded_space import CodedSpace
from zero_dce.images.exif import drop_thumbnail, exif_in_box, set_upright
from zero_dce.images.formats.bmff import FileBox, first_box, make_box, read_boxes
from zero_dce.images.formats.cicp import hdr_notice
from zero_dce.images.formats.convert import in_srgb
from zero_dce.images.formats.depth import clip_floats, fill_depth
from zero_dce.images.formats.jxl_header import ALPHA, BLACK_INK, JxlHeader, read_jxl_header
from zero_dce.images.formats.jxl_write import (
    GREY_COLOURS,
    SRGB_COLOURS,
    TYPE_BOX,
    BitField,
    cut_bits,
    encode_jxl,
    join_codestream,
)
from zero_dce.images.formats.photograph import CheckSize, Content, KeptUpright
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE, announces_gain_map, drop_announcements, set_xmp_upright
from zero_dce.images.identify import JXL_CODE_START, JXL_START

# The bits of the exponent in floating-point numbers that the codec writes (IEEE 754), by the bits of all.
FLOATING_EXPONENTS = {16: 5, 32: 8}
# A compressed box becomes no longer than this.
MOST_METADATA_BYTES = 1 << 24


@dataclass(frozen=True)
class JxlKept(KeptUpright):
    """What a JPEG XL holds beside its pixels; all of it fits upright pixels.

    Attributes:
        exif: the block, and ``xmp`` the packet; empty for none.
        xmp: see ``exif``.
        bits: of each channel, and ``floating`` whether they are of a floating-point number.
        floating: see ``bits``.
        space: what the numbers mean; ``None`` is sRGB.
        colours: the same in the bits of a header.
        lossless: whether every number is kept.
    """

    exif: bytes
    xmp: bytes
    bits: int
    floating: bool
    space: CodedSpace | None
    colours: BitField
    lossless: bool

    def as_srgb(self) -> JxlKept:
        """The same in sRGB."""
        return replace(self, space=None, colours=SRGB_COLOURS)

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Encode a canvas, lossless or with an error that follows from the quality."""
        pixels = cast("ArrayCanvas", canvas).pixels
        distance = 0 if self.lossless else distance_of(quality)
        codestream = encode_jxl(pixels, self.bits, self.floating, self.space, self.colours, distance)
        stream.write(JXL_START + TYPE_BOX)
        if self.exif:
            # Four bytes say how many precede the block's header.
            stream.write(make_box(b"Exif", bytes(4), self.exif))
        if self.xmp:
            stream.write(make_box(b"xml ", self.xmp))
        stream.write(make_box(b"jxlc", codestream))


def distance_of(quality: int) -> float:
    """Return the distance for a quality of 1 to 100, as libjxl's own programs do (JxlEncoderDistanceFromQuality)."""
    if quality >= 30:
        return max(0.01, 0.1 + (100 - quality) * 0.09)
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def read_jxl(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a JPEG XL, upright; of several frames the first.

    Raises:
        ValueError: if it is too large, damaged, of CMYK or of floating-point numbers that the codec does not read; the
            decoder raises what it likes.
    """
    file = stream.read()
    boxes = [] if file.startswith(JXL_CODE_START) else read_boxes(file)
    codestream = join_codestream(file)
    header = read_jxl_header(codestream)
    check_size(header.width, header.height)
    if BLACK_INK in header.extra:
        raise ValueError("it is of CMYK, which is not read in JPEG XL: convert it to RGB first")
    bits, about_bits = _written_bits(header)
    pixels, notices = _decode(file, header)
    exif, xmp = exif_in_box(_metadata(boxes, b"Exif")), _metadata(boxes, b"xml ")
    space, colours, pixels, further = _colours(pixels, header, codestream)
    kept = JxlKept(
        set_upright(drop_thumbnail(exif)),
        set_xmp_upright(drop_announcements(xmp)),
        bits,
        header.floating,
        space,
        colours,
        not header.xyb and first_box(boxes, b"jbrd") is None,
    )
    notices += about_bits + further + _notices(boxes, xmp, header)
    return Content(ArrayCanvas(pixels), kept, notices, space)


def _written_bits(header: JxlHeader) -> tuple[int, list[str]]:
    """Return the bits of each channel of the file that is written, and a notice where they are others.

    Raises:
        ValueError: if the codec does not read floating-point numbers of this kind.
    """
    if header.floating and header.bits not in FLOATING_EXPONENTS:
        raise ValueError(f"its floating-point numbers have {header.bits} bits; those of 16 and 32 are read")
    if header.exponent in (0, FLOATING_EXPONENTS.get(header.bits)):
        return header.bits, []
    kind = f"of {header.bits} bits, {header.exponent} of them for the exponent"
    return 32, [f"floating-point numbers {kind}: written with 32 bits"]


def _decode(file: bytes, header: JxlHeader) -> tuple[PixelArray, list[str]]:
    """Decode the first frame to grey or RGB, with alpha where it has one; a notice of numbers beyond white."""
    import imagecodecs  # slow to import, and only JPEG XL needs it

    pixels: PixelArray = imagecodecs.jpegxl_decode(file, index=0)
    if header.grey and header.extra and ALPHA not in header.extra:
        # Grey without alpha comes as planes, of which the further channels are the others.
        pixels = pixels[0]
    size = (header.height, header.width) if header.orientation < 5 else (header.width, header.height)
    if pixels.shape[:2] != size:
        raise ValueError(f"it is damaged: pixels of shape {pixels.shape} instead of {size[0]} x {size[1]}")
    if pixels.ndim == 3:
        # The codec puts the first alpha after the colours, wherever it lies among the further channels.
        wanted = (1 if header.grey else 3) + (ALPHA in header.extra)
        pixels = pixels[..., 0] if wanted == 1 else pixels[..., :wanted]
    if header.floating:
        pixels, notice = clip_floats(pixels)
        return pixels, [notice] if notice else []
    return fill_depth(pixels, header.bits), []


def _colours(
    pixels: PixelArray, header: JxlHeader, codestream: bytes
) -> tuple[CodedSpace | None, BitField, PixelArray, list[str]]:
    """Return what the numbers mean, the same in the bits of a header, the pixels, and notices."""
    srgb = GREY_COLOURS if header.grey else SRGB_COLOURS
    if header.space is None:
        what = "its colour profile cannot be read" if header.icc else "its colours are not known"
        return None, srgb, _converted(pixels, header, None), [f"{what}: taken as sRGB, and written so"]
    space = None if header.space.is_srgb() else header.space
    hdr = hdr_notice(header.space)
    if hdr:
        return None, srgb, _converted(pixels, header, space), [*hdr, "written as sRGB"]
    if header.associated:
        return None, srgb, _converted(pixels, header, space), []
    return space, cut_bits(codestream, *header.colours_at) if space else srgb, pixels, []


def _converted(pixels: PixelArray, header: JxlHeader, space: CodedSpace | None) -> PixelArray:
    """Return pixels in sRGB, not multiplied by alpha, in 16 bits or as floats."""
    if space is None and not header.associated:
        return pixels
    converted = in_srgb(pixels, space, pixels[..., -1] if header.associated else None)
    return converted / np.float32(65535) if header.floating else converted


def _metadata(boxes: list[FileBox], kind: bytes) -> bytes:
    """Return the content of a box, which may be compressed with Brotli; empty where there is none."""
    plain = first_box(boxes, kind)
    if plain is not None:
        return plain
    for box in boxes:
        if box.kind == b"brob" and box.content.startswith(kind):
            import imagecodecs

            return bytes(imagecodecs.brotli_decode(box.content[4:], out=MOST_METADATA_BYTES))
    return b""


def _notices(boxes: list[FileBox], xmp: bytes, header: JxlHeader) -> list[str]:
    notices = ["several frames: the first is taken"] if header.animated else []
    if announces_gain_map(xmp) or first_box(boxes, b"jhgm") is not None:
        notices.append(GAIN_MAP_NOTICE)
    if any(kind != ALPHA for kind in header.extra):
        notices.append("channels beside colour and transparency: left out")
    if any(box.kind == b"jumb" for box in boxes):
        notices.append("signed or extended content (jumb): left out, since it is about the old pixels")
    return notices
