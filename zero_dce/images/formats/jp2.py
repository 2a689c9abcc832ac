"""JPEG 2000 files: pixels of up to 16 bits with imagecodecs; EXIF, XMP, colours, resolution from the boxes of JP2."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

import numpy as np

from zero_dce.images.canvas import ArrayCanvas, Canvas, PixelArray
from zero_dce.images.colour import icc_space
from zero_dce.images.exif import EXIF_PREFIX, drop_thumbnail, orientation_of, set_upright
from zero_dce.images.formats.bmff import FileBox, first_box, make_box, read_boxes
from zero_dce.images.formats.depth import cut_depth, fill_depth
from zero_dce.images.formats.jp2_code import Codestream, read_codestream
from zero_dce.images.formats.photograph import CheckSize, Content
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE, announces_gain_map, drop_announcements
from zero_dce.images.identify import JP2_CODE_START, JP2_START

# Kinds of boxes of their own: EXIF (of JPEG 2000's own registration) and XMP (Adobe's).
EXIF_UUID, XMP_UUID = b"JpgTiffExif->JP2", bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
KEPT_BOXES = (b"uuid", b"uinf", b"xml ")
# Numbers of colour spaces (table I.10); others are not converted.
SRGB_NUMBER, GREY_NUMBER = 16, 17
# Where an ICC profile says which kind of colours it is for, and that it is a profile (ICC.1:2022, section 7.2).
PROFILE_SPACE, PROFILE_SIGNATURE = slice(16, 20), slice(36, 40)
# The meaning of a channel (table I.16): alpha, and one that colours are multiplied by.
OPACITY, MULTIPLIED = 1, 2


@dataclass(frozen=True)
class Jp2Kept:
    """What a JPEG 2000 holds beside its pixels.

    Attributes:
        boxes: EXIF, XMP and others, in their order.
        colour: the content of the box that says what the numbers mean; empty for a codestream without boxes.
        resolution: the content of the box of that name; empty where there is none.
        alpha: the meaning of a channel beside colour, 1 or 2.
        bits: of each channel.
        lossless: whether every number is kept.
    """

    boxes: tuple[FileBox, ...]
    colour: bytes
    resolution: bytes
    alpha: int
    bits: int
    lossless: bool

    @property
    def orientation(self) -> int:
        """The EXIF orientation."""
        for box in self.boxes:
            if box.kind == b"uuid" and box.content.startswith(EXIF_UUID):
                return orientation_of(_exif(box))
        return 1

    def upright(self) -> Jp2Kept:
        """The same with orientation 1."""
        return replace(self, boxes=tuple(_with_exif(box, set_upright(_exif(box))) for box in self.boxes))

    def as_srgb(self) -> Jp2Kept:
        """The same in sRGB."""
        return replace(self, colour=_enumerated(SRGB_NUMBER))

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Encode a canvas, lossless or with a signal-to-noise ratio that follows from the quality."""
        import imagecodecs  # slow to import, and only JPEG 2000 needs it

        pixels = cast("ArrayCanvas", canvas).pixels
        codestream = imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(cut_depth(pixels, self.bits)),
            level=0 if self.lossless else decibels_of(quality),
            codecformat=imagecodecs.JPEG2K.CODEC.J2K,
            bitspersample=self.bits,
            reversible=self.lossless,
        )
        if not self.colour:
            stream.write(codestream)
            return
        stream.write(JP2_START + make_box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + self._header(pixels))
        for box in self.boxes:
            stream.write(make_box(*box))
        stream.write(make_box(b"jp2c", bytes(codestream)))

    def _header(self, pixels: PixelArray) -> bytes:
        height, width, channels = (*pixels.shape, 1)[:3]
        # The compression is of number 7, the colours are known, and there are no property rights.
        size = struct.pack(">IIHBBBB", height, width, channels, self.bits - 1, 7, 0, 0)
        boxes = [make_box(b"ihdr", size), make_box(b"colr", self.colour)]
        if channels in (2, 4):
            meanings = [(number, 0, number + 1) for number in range(channels - 1)] + [(channels - 1, self.alpha, 0)]
            entries = b"".join(struct.pack(">HHH", *meaning) for meaning in meanings)
            boxes.append(make_box(b"cdef", struct.pack(">H", channels) + entries))
        if self.resolution:
            boxes.append(make_box(b"res ", self.resolution))
        return make_box(b"jp2h", *boxes)


def decibels_of(quality: int) -> int:
    """Return the peak signal-to-noise ratio for a quality of 1 to 100, a little above that of a JPEG."""
    return 30 + quality // 5


def read_jp2(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a JP2 file or a codestream of JPEG 2000.

    Raises:
        ValueError: if it is too large, damaged, or of colours that are not read; the decoder raises what it likes.
    """
    file = stream.read()
    boxes = [] if file.startswith(JP2_CODE_START) else read_boxes(file)
    header = read_boxes(first_box(boxes, b"jp2h") or b"")
    codestream = first_box(boxes, b"jp2c") if boxes else file
    found = read_codestream(codestream or b"")
    check_size(found.width, found.height)
    has_palette = first_box(header, b"pclr") is not None
    bits = 8 if has_palette else found.bits
    # Of a whole file the codec would convert colours by the profile, with 8 bits.
    pixels = _decode(file if has_palette else codestream or b"", found, bits)
    grey = pixels.ndim == 2 or pixels.shape[2] < 3
    colour = first_box(header, b"colr") or (_enumerated(GREY_NUMBER if grey else SRGB_NUMBER) if boxes else b"")
    profile = _profile(colour)
    space, notice = icc_space(profile, grey)
    alpha = _meaning_of_alpha(header)
    kept = Jp2Kept(
        tuple(_cleaned(box) for box in boxes if box.kind in KEPT_BOXES),
        colour,
        first_box(header, b"res ") or b"",
        alpha,
        bits,
        found.reversible,
    )
    notices = ([notice] if notice else []) + _notices(boxes)
    multiplied = pixels[..., -1] if alpha == MULTIPLIED and pixels.ndim == 3 and pixels.shape[2] in (2, 4) else None
    return Content(ArrayCanvas(pixels), kept, notices, space, multiplied)


def _decode(file: bytes, found: Codestream, bits: int) -> PixelArray:
    import imagecodecs  # slow to import, and only JPEG 2000 needs it

    pixels: PixelArray = imagecodecs.jpeg2k_decode(file)
    if pixels.shape[:2] != (found.height, found.width) or pixels.dtype.kind != "u":
        raise ValueError(f"it is damaged: pixels of shape {pixels.shape} instead of {found.height} x {found.width}")
    return fill_depth(pixels, bits)


def _profile(colour: bytes) -> bytes:
    """Return the ICC profile of a box of colours, which is empty for sRGB and its grey.

    Raises:
        ValueError: if it is of other colours.
    """
    if not colour:
        return b""
    if colour[0] in (2, 3):
        profile = colour[3:]
        kind = profile[PROFILE_SPACE]
        if profile[PROFILE_SIGNATURE] == b"acsp" and kind not in (b"RGB ", b"GRAY"):
            raise ValueError(f"its colour profile is of {kind.decode('latin-1').strip()}: convert it to RGB first")
        return profile
    number = int.from_bytes(colour[3:7])
    if number not in (SRGB_NUMBER, GREY_NUMBER):
        raise ValueError(f"its colours are of kind {number}; those read are sRGB, grey, and those of an ICC profile")
    return b""


def _enumerated(number: int) -> bytes:
    """Return a box of colours by their number; method, precedence and approximation come first."""
    return b"\1\0\0" + number.to_bytes(4)


def _meaning_of_alpha(header: list[FileBox]) -> int:
    """Return the meaning of a channel beside colour; it is alpha where nothing is said."""
    content = first_box(header, b"cdef") or b""
    meanings = [int.from_bytes(content[at : at + 2]) for at in range(4, len(content), 6)]
    return MULTIPLIED if MULTIPLIED in meanings else OPACITY


def _exif(box: FileBox) -> bytes:
    return box.content[len(EXIF_UUID) :].removeprefix(EXIF_PREFIX)


def _with_exif(box: FileBox, exif: bytes) -> FileBox:
    """Return a box with another EXIF block, if it is one of EXIF."""
    return FileBox(box.kind, EXIF_UUID + exif) if box.content.startswith(EXIF_UUID) else box


def _cleaned(box: FileBox) -> FileBox:
    """Return a box without what is about the old pixels."""
    if box.content.startswith(XMP_UUID):
        return FileBox(box.kind, XMP_UUID + drop_announcements(box.content[len(XMP_UUID) :]))
    return _with_exif(box, drop_thumbnail(_exif(box)))


def _notices(boxes: list[FileBox]) -> list[str]:
    notices = []
    if any(announces_gain_map(box.content) for box in boxes if box.content.startswith(XMP_UUID)):
        notices.append(GAIN_MAP_NOTICE)
    if sum(box.kind == b"jp2c" for box in boxes) > 1:
        notices.append("several pictures: the first is taken")
    return notices
