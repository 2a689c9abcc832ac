"""AVIF files: pixels of 8, 10 and 12 bits with imagecodecs; EXIF, XMP, colours and orientation from the container."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO, cast

import numpy as np

from zero_dce.images.canvas import ArrayCanvas, Canvas, PixelArray
from zero_dce.images.colour import ColourSpace, icc_space, srgb_profile
from zero_dce.images.exif import drop_thumbnail, exif_in_box, is_exif, set_upright
from zero_dce.images.formats.av1 import av1_colours
from zero_dce.images.formats.bmff import first_box, make_box, read_spans
from zero_dce.images.formats.bmff_items import XMP_TYPE, Container, read_container
from zero_dce.images.formats.bmff_write import add_items
from zero_dce.images.formats.cicp import UNSPECIFIED, nclx_space
from zero_dce.images.formats.depth import cut_depth, fill_depth
from zero_dce.images.formats.photograph import CheckSize, Content, check_dimensions
from zero_dce.images.formats.xmp import GAIN_MAP_NOTICE, announces_gain_map, drop_announcements

LONGEST_AVIF_SIDE = 65536
# Of 0 to 10; 6 is Pillow's. The codec's own default takes minutes for a few megapixels.
SPEED = 6
# EXIF orientations by quarter turns to the left (irot) and then an exchange (imir) of top and bottom, 0, or of left
# and right, 1 (ISO/IEC 23008-12, sections 6.5.10 and 6.5.12).
ORIENTATIONS: dict[tuple[int, int | None], int] = {
    **{(0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6, (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7},
    **{(0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5},
}
# Matrices from RGB (ITU-R H.273, table 4) that the encoder has; others are replaced by that of BT.601, which is 6.
MATRICES, BT601 = (0, 1, 5, 6, 9), 6
# The brands of files with a film and of those without.
FILM_BRAND, STILL_BRAND = b"avis", b"avif"
# Primaries, curve and matrix of sRGB.
SRGB_NCLX = (1, 13, BT601)


@dataclass(frozen=True)
class AvifKept:
    """What an AVIF holds beside its pixels.

    Attributes:
        exif: the block, and ``xmp`` the packet; empty for none.
        xmp: see ``exif``.
        profile: the ICC profile; empty where numbers alone say what the colours mean.
        nclx: the numbers of primaries, curve and matrix.
        bits: of each channel, 8, 10 or 12.
        sampling: 1, 2, 3 or 4: 4:4:4, 4:2:2, 4:2:0 or grey.
        orientation: how the container turns the stored pixels, as an EXIF orientation.
    """

    exif: bytes
    xmp: bytes
    profile: bytes
    nclx: tuple[int, int, int]
    bits: int
    sampling: int
    orientation: int

    def upright(self) -> AvifKept:
        """The same with orientation 1."""
        return replace(self, exif=set_upright(self.exif), orientation=1)

    def as_srgb(self) -> AvifKept:
        """The same with an sRGB profile in place of its own."""
        return replace(self, profile=srgb_profile(), nclx=SRGB_NCLX)

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Encode a canvas in its 8 or 16 bits as 8, 10 or 12."""
        import imagecodecs  # slow to import, and only an AVIF needs it

        check_dimensions(canvas, "AVIF", LONGEST_AVIF_SIDE)
        pixels = cast("ArrayCanvas", canvas).pixels
        primaries, curve, matrix = self.nclx
        encoded = imagecodecs.avif_encode(
            np.ascontiguousarray(cut_depth(pixels, self.bits)),
            level=quality,
            speed=SPEED,
            bitspersample=self.bits,
            pixelformat=self.sampling,
            primaries=primaries,
            transfer=curve,
            matrix=matrix,
        )
        properties = _turning(self.orientation)
        if self.profile:
            properties.append(make_box(b"colr", b"prof", self.profile))
        # Four bytes say how many precede the block's header.
        stream.write(add_items(bytes(encoded), bytes(4) * bool(self.exif) + self.exif, self.xmp, properties))


def read_avif(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read the main picture of an AVIF; of a sequence the first.

    Raises:
        ValueError: if it is too large or damaged; the decoder raises what it likes.
    """
    file = stream.read()
    container = read_container(file)
    size = container.find(b"ispe") or b""
    width, height = int.from_bytes(size[4:8]), int.from_bytes(size[8:12])
    check_size(width, height)
    exif, xmp = exif_in_box(container.first(b"Exif")), container.first(b"mime", XMP_TYPE)
    bits, sampling = _coding(container)
    space, nclx, profile, notices = _colours(container, grey=sampling == 4)
    if exif and not is_exif(exif):
        # Decoders refuse a picture with such a block, where it is said to be about that picture.
        exif, notices = b"", [*notices, "EXIF is damaged and left out"]
    kept = AvifKept(
        drop_thumbnail(exif), drop_announcements(xmp), profile, nclx, bits, sampling, _orientation(container)
    )
    pixels = _decode(_without_film(file), width, height, bits)
    return Content(ArrayCanvas(pixels), kept, notices + _notices(container, xmp), space)


def _without_film(file: bytes) -> bytes:
    """Return a sequence as its main picture alone: asked for one frame, imagecodecs writes all of them behind it.

    Everything stays in its place, since tables hold places.
    """
    still = bytearray(file)
    for span in read_spans(file):
        if span.kind == b"moov":
            still[span.start + 4 : span.start + 8] = b"free"
        elif span.kind == b"ftyp":
            brands = range(span.content, span.end - 3, 4)
            for place in (place for place in brands if file[place : place + 4] == FILM_BRAND):
                still[place : place + 4] = STILL_BRAND
    return bytes(still)


def _decode(file: bytes, width: int, height: int, bits: int) -> PixelArray:
    """Decode the first picture, and fill the 8 or 16 bits of a canvas; colours are never multiplied by alpha."""
    import imagecodecs  # slow to import, and only an AVIF needs it

    pixels: PixelArray = imagecodecs.avif_decode(file, index=0)
    if pixels.shape[:2] != (height, width):
        raise ValueError(f"it is damaged: pixels of shape {pixels.shape} instead of {height} x {width}")
    return fill_depth(pixels, bits)


def _coding(container: Container) -> tuple[int, int]:
    """Return the bits a channel and the sampling of colours (AV1 in ISOBMFF, section 2.3.3: av1C)."""
    codec = first_box(container.tile_properties, b"av1C")
    if codec is None or len(codec) < 3:
        raise ValueError("it is damaged: nothing says how its pixels are encoded")
    flags = codec[2]
    bits = 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    if flags & 0x10:
        return bits, 4
    return bits, {0: 1, 0x8: 2, 0xC: 3}.get(flags & 0xC, 1)


def _colours(container: Container, grey: bool) -> tuple[ColourSpace | None, tuple[int, int, int], bytes, list[str]]:
    """Return what the numbers mean, the numbers of nclx and the ICC profile to be written, and notices."""
    profile, nclx = b"", (UNSPECIFIED, UNSPECIFIED, BT601)
    # What is said of the whole of a grid comes last, and holds.
    colours = [box for box in (*container.tile_properties, *container.properties) if box.kind == b"colr"]
    for box in colours:
        if box.content[:4] in (b"prof", b"rICC"):
            profile = box.content[4:]
        elif box.content[:4] == b"nclx" and len(box.content) >= 10:
            primaries, curve, matrix = (int.from_bytes(box.content[at : at + 2]) for at in (4, 6, 8))
            nclx = (primaries, curve, matrix if matrix in MATRICES else BT601)
    if profile:
        icc, notice = icc_space(profile, grey)
        return icc, nclx, profile, [notice] if notice else []
    if not colours:
        in_code = av1_colours(container.content(container.items[container.tile]))
        if in_code is None:
            return None, SRGB_NCLX, b"", ["what its colours mean cannot be read: taken as sRGB"]
        nclx = (*in_code[:2], in_code[2] if in_code[2] in MATRICES else BT601)
    coded, notices = nclx_space(*nclx[:2])
    return coded, nclx if coded else SRGB_NCLX[:2] + nclx[2:], b"", notices


def _orientation(container: Container) -> int:
    turns, exchange = container.find(b"irot"), container.find(b"imir")
    return ORIENTATIONS[turns[0] & 3 if turns else 0, exchange[0] & 1 if exchange else None]


def _turning(orientation: int) -> list[bytes]:
    """Return the boxes of transformations that make a picture of an EXIF orientation upright."""
    turns, exchange = next(key for key, value in ORIENTATIONS.items() if value == orientation)
    boxes = [make_box(b"irot", bytes([turns]))] if turns else []
    return boxes + ([] if exchange is None else [make_box(b"imir", bytes([exchange]))])


def _notices(container: Container, xmp: bytes) -> list[str]:
    notices = []
    if announces_gain_map(xmp) or any(item.kind == b"tmap" for item in container.items.values()):
        notices.append(GAIN_MAP_NOTICE)
    auxiliary = [box.content for box in container.all_properties if box.kind == b"auxC"]
    if any(b"depth" in content for content in auxiliary):
        notices.append("depth map: left out")
    if container.file[8:12] in (b"avis", b"msf1"):
        notices.append("a sequence of pictures: the first is taken")
    return notices
