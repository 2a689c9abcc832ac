"""The readers of what lies in pictures beside pixels: directories of tags, packets, profiles, boxes and chunks."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import numpy as np

from tests.endurance.picture_readers import require
from tests.endurance.picture_seeds import (
    EXIF,
    XMP,
    avifs,
    bmps,
    gifs,
    heics,
    jp2s,
    jpegs,
    jxls,
    pngs,
    raws,
    tiffs,
    webps,
)
from tests.endurance.reader import Reader
from tests.helpers.photographs import exif_block
from tests.images.formats.test_photoshop import resource
from tests.images.formats.test_raw_tags import cr3, raf
from zero_dce.images.capacity import check_capacity, has_arithmetic_code
from zero_dce.images.colour import icc_space, srgb_profile
from zero_dce.images.exif import drop_thumbnail, exif_in_box, orientation_of, set_upright
from zero_dce.images.formats.av1 import av1_colours
from zero_dce.images.formats.bmff import make_box, read_boxes
from zero_dce.images.formats.bmff_items import read_container
from zero_dce.images.formats.files import identify
from zero_dce.images.formats.jpeg import trailer_length
from zero_dce.images.formats.jxl_header import read_jxl_header
from zero_dce.images.formats.jxl_write import join_codestream
from zero_dce.images.formats.photoshop import drop_previews
from zero_dce.images.formats.png_colour import png_space
from zero_dce.images.formats.raw_tags import exif_from_tags, read_raw_tags
from zero_dce.images.formats.tiff import tiff_kept
from zero_dce.images.formats.xmp import announces_film, announces_gain_map, drop_announcements, set_xmp_upright
from zero_dce.images.identify import goes_to_reader

COLOURS = np.arange(4 * 4 * 3, dtype=np.uint16).reshape(4, 4, 3) * 1365


def check_identify(content: bytes) -> None:
    """Tell the format and the claim of any bytes; the stream is rewound."""
    from pathlib import Path

    stream = io.BytesIO(content)
    goes_to_reader(stream, Path("a.png"))
    require(stream.tell() == 0, "not rewound")
    has_arithmetic_code(io.BytesIO(content))
    trailer_length(io.BytesIO(content))
    for act in (lambda: check_capacity(stream), lambda: identify(stream, ".jpg"), lambda: identify(stream, ".dng")):
        try:
            act()
        except ValueError:
            continue
        require(stream.tell() == 0, "not rewound")


def check_exif(content: bytes) -> None:
    """Read and change a block: what is upright stays so, and nothing but the thumbnail's bytes goes."""
    require(1 <= orientation_of(content) <= 8, "an orientation beyond 8")
    upright = set_upright(content)
    require(len(upright) == len(content), "another length")
    require(orientation_of(upright) == 1, "not upright")
    without = drop_thumbnail(content)
    require(len(without) <= len(content), "longer than before")
    require(orientation_of(without) == orientation_of(content), "another orientation without the thumbnail")
    exif_in_box(content)
    tiff_kept(content, b"", b"", np.zeros((2, 2, 3), np.uint8))


def check_xmp(content: bytes) -> None:
    """Clean a packet: nothing announces what is no longer there, and cleaning twice changes nothing."""
    announces_film(content)
    clean = drop_announcements(content)
    require(len(clean) <= len(content), "longer than before")
    require(not announces_gain_map(clean) or announces_gain_map(content), "announces a gain map that was not there")
    set_xmp_upright(content)


def check_icc(content: bytes) -> None:
    """Convert colours by a profile, or say that it is of no use."""
    for grey in (False, True):
        space, notice = icc_space(content, grey)
        require(space is None or notice is None, "a space and a notice that there is none")
        if space is None:
            continue
        shown = space.to_srgb(COLOURS)
        require(shown.shape == COLOURS.shape and shown.dtype == np.uint16, f"{shown.dtype} of {shown.shape}")
        require(isinstance(space.description, str), "no description")
        if space.invertible:
            require(space.from_srgb(shown).shape == COLOURS.shape, "another shape")


def check_boxes(content: bytes) -> None:
    """Read boxes and containers, and all that they list."""
    try:
        boxes = read_boxes(content)
        require(sum(len(box.content) for box in boxes) <= len(content), "more than there is")
        container = read_container(content)
        for item in container.items.values():
            container.content(item)
    except ValueError:
        return


def check_codestream(content: bytes) -> None:
    """Read the headers of codestreams."""
    numbers = av1_colours(content)
    require(numbers is None or len(numbers) == 3, "not three numbers")
    try:
        header = read_jxl_header(join_codestream(content))
    except ValueError:
        return
    require(1 <= header.orientation <= 8, "an orientation beyond 8")


def check_photoshop(content: bytes) -> None:
    """Take previews out; twice is the same as once."""
    once = drop_previews(content)
    require(len(once) <= len(content), "longer than before")
    require(drop_previews(once) == once, "twice is not once")


def check_png_colours(content: bytes) -> None:
    """Find the space of chunks, which are separated by a line break, the first letter of each being its kind."""
    kinds = dict(zip(b"CIGHS", (b"cICP", b"iCCP", b"gAMA", b"cHRM", b"sRGB"), strict=True))
    found = {kinds[part[0]]: part[1:] for part in content.split(b"\n") if part and part[0] in kinds}
    for grey in (False, True):
        space, notices = png_space(found, grey)
        require(all(notices), "an empty notice")
        if space is not None:
            shown = space.to_srgb(COLOURS)
            require(shown.shape == COLOURS.shape and shown.dtype == np.uint16, f"{shown.dtype} of {shown.shape}")
            if space.invertible:
                require(space.from_srgb(shown).shape == COLOURS.shape, "another shape")


def check_raw_tags(content: bytes) -> None:
    """Read the tags of a raw file, and write those that are kept as a block that is read again."""
    layout, tags, _ = read_raw_tags(io.BytesIO(content))
    block = exif_from_tags(layout, tags)
    require(orientation_of(block) == 1, "not upright")


def some_of_each() -> Iterator[bytes]:
    """Yield a file of each format."""
    for make in (jpegs, pngs, tiffs, webps, bmps, gifs, heics, avifs, jxls, jp2s, raws):
        yield next(iter(make()))


def exif_blocks() -> Iterator[bytes]:
    """Yield blocks of both byte orders."""
    yield exif_block()
    yield exif_block(">", orientation=3)
    yield EXIF
    yield bytes((0, 0, 0, 6)) + EXIF


def xmp_packets() -> Iterator[bytes]:
    """Yield packets with and without announcements."""
    yield XMP
    yield b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def profiles() -> Iterator[bytes]:
    """Yield profiles of RGB and of grey."""
    from tests.images.test_decode import wide_profile

    yield srgb_profile()
    yield wide_profile()


def containers() -> Iterator[bytes]:
    """Yield files of boxes."""
    yield from avifs()
    yield from heics()
    yield make_box(b"meta", bytes(4), make_box(b"pitm", bytes(6)))


def codestreams() -> Iterator[bytes]:
    """Yield codestreams of JPEG XL, and the code of an AVIF."""
    yield from jxls()
    for file in avifs():
        yield file[file.index(b"mdat") + 4 :][:60]


def resources() -> Iterator[bytes]:
    """Yield Photoshop's resources."""
    yield resource(1028, b"caption", b"name") + resource(1036, b"preview") + resource(1033, b"odd")


def colour_chunks() -> Iterator[bytes]:
    """Yield chunks in the notation of :func:`check_png_colours`."""
    yield b"C\x09\x10\0\x01"
    yield b"G" + (45455).to_bytes(4) + b"\nH" + b"".join(n.to_bytes(4) for n in (31270, 32900, 64000, 33000) * 2)
    yield b"Ia\0\0" + zlib.compress(srgb_profile())
    yield b"S\0"


def raw_files() -> Iterator[bytes]:
    """Yield raw files with tags."""
    yield from raws()
    yield raf()
    yield cr3()


XMP_TOKENS = (
    b"xmlns:",
    b"tiff:Orientation",
    b"GCamera:MotionPhoto",
    b"http://ns.adobe.com/hdr-gain-map/1.0/",
    b"</",
    b"/>",
)
ICC_TOKENS = (
    b"acsp",
    b"RGB ",
    b"GRAY",
    b"XYZ ",
    b"Lab ",
    b"rTRC",
    b"rXYZ",
    b"A2B0",
    b"B2A0",
    b"mft2",
    b"curv",
    b"para",
    b"desc",
)
IMAGES = ("zero_dce.images",)
READERS = (
    Reader("identify", check_identify, some_of_each, IMAGES),
    Reader("exif", check_exif, exif_blocks, IMAGES, (b"II*\0", b"MM\0*", b"Exif\0\0", b"\x12\x01\3\0", b"\1\2\4\0")),
    Reader("xmp", check_xmp, xmp_packets, IMAGES, XMP_TOKENS),
    Reader("icc", check_icc, profiles, IMAGES, ICC_TOKENS),
    Reader("boxes", check_boxes, containers, IMAGES, (b"meta", b"iinf", b"iloc", b"ipma", b"iref", b"dimg", b"mime")),
    Reader("codestreams", check_codestream, codestreams, IMAGES, (b"\xff\x0a", b"jxlp", b"jxlc", b"\x0a\x0b")),
    Reader("photoshop", check_photoshop, resources, IMAGES, (b"8BIM", b"MeSa", b"\4\x0c")),
    Reader("png-colours", check_png_colours, colour_chunks, IMAGES),
    Reader("raw-tags", check_raw_tags, raw_files, IMAGES, (b"FUJIFILMCCD-RAW", b"ftypcrx ", b"CMT1", b"CMT2", b"moov")),
)
