"""Small files that would take much time or memory, of the kinds that are known from other programs.

Each header says that the picture has at most one megapixel, or claims what the file cannot hold.
"""

from __future__ import annotations

import functools
import io
import struct
import sys
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from tests.endurance.isolated import run_isolated
from tests.endurance.picture_readers import MOST_MEGAPIXELS, small_pictures
from tests.endurance.picture_seeds import (
    XMP,
    gifs,
    heics,
    png_chunk,
    with_chunks,
    with_pillow,
    with_tifffile,
)
from tests.endurance.reader import documented
from tests.helpers.photographs import exif_block
from zero_dce.images import ImageReadError
from zero_dce.images.decode import decode_square
from zero_dce.images.formats import read_photograph
from zero_dce.images.formats.bmff import make_box, read_boxes
from zero_dce.images.formats.jxl_write import TYPE_BOX, join_codestream
from zero_dce.images.identify import JP2_START, JXL_START, PNG_START

SIDE = 1000


def deflated(megabytes: int = 600) -> bytes:
    """Return that many megabytes of zeros, deflated a thousandfold: one block over and over."""
    megabyte = bytes(1 << 20)
    compressor = zlib.compressobj(9, wbits=-15)
    block = compressor.compress(megabyte) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(megabytes):
        checksum = zlib.adler32(megabyte, checksum)
    return b"\x78\xda" + block * megabytes + compressor.flush() + checksum.to_bytes(4)


def plain(format_: str, side: int = SIDE, mode: str = "RGB", **options: Any) -> bytes:
    """Encode an even picture with Pillow."""
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, format_, **options)
    return stream.getvalue()


def png_with(*chunks: bytes) -> bytes:
    """Return a small PNG with further chunks."""
    return with_chunks(with_pillow("PNG"), *chunks)


def png_profile() -> bytes:
    """A profile that becomes 600 megabytes."""
    return png_with(png_chunk(b"iCCP", b"a\0\0" + deflated()))


def png_text() -> bytes:
    """Texts that become 600 megabytes each, compressed in both ways."""
    bomb = deflated()
    return png_with(png_chunk(b"zTXt", b"a\0\0" + bomb), png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb))


def png_texts() -> bytes:
    """A hundred thousand texts."""
    return png_with(png_chunk(b"tEXt", b"Comment\0text") * 100_000)


def png_frames() -> bytes:
    """An animation that says it has four thousand million frames."""
    return png_with(png_chunk(b"acTL", b"\xff\xff\xff\xff\0\0\0\0"))


def png_pixels() -> bytes:
    """Pixels that go on for 600 megabytes after the last row."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = png_chunk(b"IHDR", header), png_chunk(b"IDAT", deflated()), png_chunk(b"IEND", b"")
    return PNG_START + b"".join(parts)


def png_length() -> bytes:
    """A profile that says it is four gigabytes long."""
    return with_pillow("PNG")[:33] + b"\xff\xff\xff\xffiCCP" + bytes(100)


def overlapping_exif(entries: int, length: int) -> bytes:
    """A block whose tags all say that their value is the whole block."""
    table = b"".join(struct.pack("<HHII", number, 7, length, 8) for number in range(entries))
    block = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", entries) + table + bytes(4)
    return block.ljust(length + 8, b"\0")


def png_exif() -> bytes:
    """65,535 tags of a megabyte each, which all are the same megabyte."""
    return png_with(png_chunk(b"eXIf", overlapping_exif(65535, 1 << 20)))


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def jpeg_with(*segments: bytes) -> bytes:
    """Return a small JPEG with further segments."""
    jpeg = with_pillow("JPEG")
    return jpeg[:2] + b"".join(segments) + jpeg[20:]


def jpeg_exif() -> bytes:
    """Five thousand tags that all are the same 64 kilobytes, in each of ten segments."""
    return jpeg_with(*[segment(0xE1, b"Exif\0\0" + overlapping_exif(5000, 65000))] * 10)


def jpeg_scans(count: int = 50_000) -> bytes:
    """A progressive picture of a megapixel with scans that refine nothing in all of its blocks.

    The only code of their table is a run of 16,384 blocks without a change.
    """
    jpeg = plain("JPEG", progressive=True)
    table = segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")
    scan = segment(0xDA, b"\1\1\0\1\x3f\x10") + b"\0\1"
    return jpeg[:-2] + table + scan * count + b"\xff\xd9"


def jpeg_baseline_scans() -> bytes:
    """Without progressive coding: each scan gives one component again."""
    jpeg = plain("JPEG")
    first = jpeg.index(b"\xff\xda")
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\0"
    return jpeg[:first] + scan * 100_000 + b"\xff\xd9"


def jpeg_restarts() -> bytes:
    """A hundred thousand restart markers, and an interval of one block."""
    jpeg = plain("JPEG", restart_marker_blocks=1)
    return jpeg[:-2] + b"".join(bytes((0xFF, 0xD0 + number % 8)) for number in range(100_000)) + b"\xff\xd9"


def jpeg_segments() -> bytes:
    """Sixteen megabytes of application segments."""
    return jpeg_with(*[segment(0xE3, bytes(60000))] * 280)


def jpeg_small_segments() -> bytes:
    """Two hundred thousand comments."""
    return jpeg_with(segment(0xFE, b"a") * 200_000)


def jpeg_fill() -> bytes:
    """Four megabytes of fill bytes before a marker."""
    return b"\xff\xd8" + b"\xff" * (4 << 20) + with_pillow("JPEG")[2:]


def jpeg_profiles() -> bytes:
    """A profile in 255 pieces of 64 kilobytes."""
    return jpeg_with(*[segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 255)) + bytes(65000)) for n in range(1, 256)])


def jpeg_tables() -> bytes:
    """A hundred thousand tables of Huffman codes."""
    return jpeg_with(segment(0xC4, bytes(17)) * 100_000)


def jpeg_xmp() -> bytes:
    """A packet of sixty kilobytes of open elements, attributes and white space, twenty times."""
    head = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    parts = (b"<hdrgm:a ", b' hdrgm:a="', b"<hdrgm:a>", b" " * 9 + b"hdrgm:", b"xmlns:hdrgm \t", b"GCamera:Motion")
    return jpeg_with(*[segment(0xE1, (head + part * 9999)[:65000]) for part in parts * 3])


def retagged(tiff: bytes, **tags: int) -> bytes:
    """Overwrite values that lie in the entries of a little-endian TIFF's only directory: ``t256=1000``."""
    changed = bytearray(tiff)
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        number, type_ = struct.unpack_from("<HH", tiff, at)
        if f"t{number}" in tags:
            struct.pack_into("<I" if type_ == 4 else "<H", changed, at + 8, tags[f"t{number}"])
    return bytes(changed)


def tiff_of(entries: dict[int, tuple[int, Iterable[int]]], content: bytes = b"", following: int = 0) -> bytes:
    """Write a directory by hand, its values behind it; ``content`` starts at byte 8."""
    place = 8 + len(content)
    table, values = struct.pack("<H", len(entries)), b""
    end = place + 2 + 12 * len(entries) + 4
    for number, (type_, numbers) in sorted(entries.items()):
        listed = list(numbers)
        packed = struct.pack(f"<{len(listed)}{ {3: 'H', 4: 'I'}[type_] }", *listed)
        inline = packed if len(packed) <= 4 else struct.pack("<I", end + len(values))
        values += packed if len(packed) > 4 else b""
        table += struct.pack("<HHI", number, type_, len(listed)) + inline.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", place) + content + table + struct.pack("<I", following or 0) + values


def tiff_grey(side: int, compression: int, segments: dict[int, tuple[int, Iterable[int]]], content: bytes) -> bytes:
    """A TIFF of grey of 8 bits."""
    entries = {256: (4, [side]), 257: (4, [side]), 258: (3, [8]), 259: (3, [compression]), 262: (3, [1]), **segments}
    return tiff_of(entries, content)


def tiff_inflated(compression: int, packed: bytes) -> bytes:
    """One strip of a megapixel that becomes 600 megabytes."""
    return tiff_grey(SIDE, compression, {273: (4, [8]), 279: (4, [len(packed)])}, packed)


def tiff_tiles(compression: int = 1, content: bytes = bytes(256)) -> bytes:
    """A million tiles of a single pixel, all of which are the same."""
    count = SIDE * SIDE
    tiles = {322: (3, [1]), 323: (3, [1]), 324: (4, [8] * count), 325: (4, [len(content)] * count)}
    return tiff_grey(SIDE, compression, tiles, content)


def tiff_strips() -> bytes:
    """A picture one pixel wide with a million strips."""
    count = SIDE * SIDE
    entries = {256: (4, [1]), 257: (4, [count]), 258: (3, [8]), 259: (3, [8]), 262: (3, [1]), 278: (4, [1])}
    packed = zlib.compress(b"a")
    return tiff_of({**entries, 273: (4, [8] * count), 279: (4, [len(packed)] * count)}, packed)


def tiff_tags() -> bytes:
    """65,535 tags that all are the same megabyte."""
    start = with_tifffile(np.zeros((8, 8, 3), np.uint8))
    (place,) = struct.unpack_from("<I", start, 4)
    (count,) = struct.unpack_from("<H", start, place)
    entries = start[place + 2 : place + 2 + 12 * count]
    more = b"".join(struct.pack("<HHII", number, 7, 1 << 20, 8) for number in range(1000, 65535 - count))
    table = struct.pack("<H", count + len(more) // 12) + entries + more + bytes(4)
    moved = start + bytes(len(start) % 2)
    return (moved[:4] + struct.pack("<I", len(moved)) + moved[8:] + table).ljust(1 << 21, b"\0")


def tiff_loop(next_: bool = True) -> bytes:
    """A directory that follows itself, and whose EXIF directory is itself."""
    pixels = bytes(64)
    entries = {256: (4, [8]), 257: (4, [8]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1])}
    entries |= {273: (4, [8]), 279: (4, [64]), 330: (4, [72]), 34665: (4, [72]), 34853: (4, [72])}
    return tiff_of(entries, pixels, 72 if next_ else 0)


def tiff_pages() -> bytes:
    """A hundred thousand pages."""
    first = with_tifffile(np.zeros((8, 8, 3), np.uint8))
    page = struct.pack("<HHHII", 1, 256, 4, 1, 8)
    start = len(first) + len(first) % 2
    pages = b"".join(page + struct.pack("<I", start + 18 * (number + 1)) for number in range(100_000))
    (place,) = struct.unpack_from("<I", first, 4)
    (count,) = struct.unpack_from("<H", first, place)
    linked = bytearray(first.ljust(start, b"\0"))
    struct.pack_into("<I", linked, place + 2 + 12 * count, start)
    return bytes(linked) + pages


def tiff_large_tiles() -> bytes:
    """A picture of one pixel in a tile of 60000 x 60000."""
    packed = deflated(64)
    tiles = {322: (4, [60000]), 323: (4, [60000]), 324: (4, [8]), 325: (4, [len(packed)])}
    return tiff_grey(1, 8, tiles, packed)


def tiff_channels() -> bytes:
    """A megapixel of 65,535 channels."""
    return retagged(tiff_grey(SIDE, 8, {273: (4, [8]), 277: (3, [65535]), 279: (4, [99])}, deflated(64)))


def webp_frames() -> bytes:
    """A hundred thousand frames."""
    frame = with_pillow("WEBP", size=(2, 2))[12:]
    anmf = b"ANMF" + struct.pack("<I", 16 + len(frame)) + b"\0\0\0\0\0\0\1\0\0\1\0\0\x64\0\0\0" + frame
    body = b"VP8X" + struct.pack("<IB", 10, 2) + bytes(3) + b"\1\0\0\1\0\0" + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += anmf * 100_000
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_chunks() -> bytes:
    """A million empty chunks."""
    webp = with_pillow("WEBP")
    body = webp[12:] + (b"ABCD" + bytes(4)) * 1_000_000
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_exif() -> bytes:
    """Tags that all are the same megabyte."""
    webp = with_pillow("WEBP", exif=exif_block())
    at = webp.index(b"EXIF")
    block = overlapping_exif(65535, 1 << 20)
    body = webp[12:at] + b"EXIF" + struct.pack("<I", len(block)) + block
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def gif_frames() -> bytes:
    """Three hundred thousand frames of a pixel."""
    gif = with_pillow("GIF", "P", size=(1, 1))
    at = gif.index(b",")
    return gif[:at] + gif[at:-1] * 300_000 + b";"


def gif_comments() -> bytes:
    """A million blocks of comments."""
    gif = next(iter(gifs()))
    at = gif.index(b",")
    return gif[:at] + (b"\x21\xfe\1a\0" * 1_000_000) + gif[at:]


def bmp_profile() -> bytes:
    """A profile that says it is four gigabytes long."""
    head = struct.pack("<IiiHHIIiiII", 124, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0) + bytes(16) + b"DEBM"
    head = head.ljust(112, b"\0") + struct.pack("<II", 140, 0xFFFFFFFF) + bytes(4)
    return b"BM" + struct.pack("<IHHI", 200, 0, 0, 138) + head + bytes(100)


def nested(kind: bytes, depth: int = 10_000) -> bytes:
    """Boxes inside each other."""
    content = b""
    for _ in range(depth):
        content = make_box(kind, content)
    return content


def heic_nested() -> bytes:
    """Ten thousand boxes inside each other."""
    deep = [nested(kind) for kind in (b"iprp", b"ipco", b"dinf", b"moov", b"trak")]
    return make_box(b"ftyp", b"heic\0\0\0\0mif1heic") + make_box(b"meta", bytes(4), *deep)


def avif_nested() -> bytes:
    """The same with the brand of AVIF."""
    return heic_nested().replace(b"heic", b"avif")


def jxl_nested() -> bytes:
    """The same in JPEG XL."""
    return JXL_START + TYPE_BOX + nested(b"jxlc")


def jp2_nested() -> bytes:
    """The same in JPEG 2000."""
    return JP2_START + make_box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + nested(b"jp2h") + nested(b"asoc") + nested(b"res ")


def many_items(brand: bytes) -> bytes:
    """A hundred thousand items, and as many references."""
    count = 60_000
    entries = b"".join(make_box(b"infe", b"\2\0\0\0", struct.pack(">HH", n, 0), b"hvc1\0") for n in range(1, count))
    info = make_box(b"iinf", bytes(4), struct.pack(">H", count - 1), entries)
    places = b"".join(struct.pack(">HHHII", n, 0, 1, 0, 9) for n in range(1, count))
    locations = make_box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", count - 1) + places)
    tiles = make_box(b"dimg", struct.pack(">HH", 1, count - 1) + struct.pack(f">{count - 1}H", *range(1, count)))
    meta = make_box(
        b"meta", bytes(4), make_box(b"pitm", bytes(5) + b"\1"), info, locations, make_box(b"iref", bytes(4), tiles)
    )
    return make_box(b"ftyp", brand + b"\0\0\0\0mif1" + brand) + meta


def heic_grid(across: int = 255, down: int = 255, claimed: int = 64) -> bytes:
    """A grid of 65,025 tiles, each of which is the same, that says it has 64 x 64 pixels."""
    file = next(iter(heics()))
    boxes = {box.kind: box.content for box in read_boxes(file)}
    inner = {box.kind: box.content for box in read_boxes(boxes[b"meta"][4:])}
    properties = {box.kind: box.content for box in read_boxes(inner[b"iprp"])}
    known = read_boxes(properties[b"ipco"])
    at = next(number for number, box in enumerate(known, 1) if box.kind == b"hvcC")
    code = file[file.index(b"mdat") + 4 :]
    count = (across) * (down)
    grid = bytes((0, 1, down - 1, across - 1)) + struct.pack(">II", 64 * across, 64 * down)
    size = make_box(b"ispe", bytes(4), struct.pack(">II", claimed, claimed))
    tile = make_box(b"ispe", bytes(4), struct.pack(">II", 64, 64))
    ipco = make_box(b"ipco", make_box(*known[at - 1]), tile, size)
    ipma = make_box(
        b"ipma", bytes(4), struct.pack(">I", 2), struct.pack(">HBBB", 1, 2, 0x81, 2), struct.pack(">HBB", 2, 1, 3)
    )
    entries = make_box(b"infe", b"\2\0\0\0", struct.pack(">HH", 1, 0), b"hvc1\0")
    entries += make_box(b"infe", b"\2\0\0\0", struct.pack(">HH", 2, 0), b"grid\0")
    info = make_box(b"iinf", bytes(4), struct.pack(">H", 2), entries)
    refs = make_box(b"iref", bytes(4), make_box(b"dimg", struct.pack(">HH", 2, count) + struct.pack(">H", 1) * count))
    head = make_box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(place: int) -> bytes:
        places = struct.pack(">HHHII", 1, 0, 1, place, len(code)) + struct.pack(
            ">HHHII", 2, 0, 1, place + len(code), len(grid)
        )
        iloc = make_box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", 2) + places)
        hdlr = make_box(b"hdlr", bytes(8) + b"pict" + bytes(13))
        return make_box(
            b"meta",
            bytes(4),
            hdlr,
            make_box(b"pitm", bytes(5) + b"\2"),
            info,
            iloc,
            make_box(b"iprp", ipco, ipma),
            refs,
        )

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + make_box(b"mdat", code, grid)


def jp2_code(
    width: int,
    height: int,
    tile: tuple[int, int],
    components: int = 1,
    levels: int = 0,
    layers: int = 1,
    precincts: bytes = b"",
) -> bytes:
    """A codestream without any code, by hand (ITU-T T.800, annex A)."""
    siz = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, *tile, 0, 0, components) + b"\7\1\1" * components
    cod = struct.pack(">BBHBBBBBB", 1 if precincts else 0, 0, layers, 0, levels, 4, 4, 0, 1) + precincts
    qcd = bytes([0x40]) + b"\x40" * (3 * levels + 1)
    sot = struct.pack(">HIBB", 0, 14, 0, 1)
    return (
        b"\xff\x4f"
        + segment(0x51, siz)
        + segment(0x52, cod)
        + segment(0x5C, qcd)
        + segment(0x90, sot)
        + b"\xff\x93\xff\xd9"
    )


def jp2_tiles() -> bytes:
    """A megapixel in tiles of 4 x 4."""
    return jp2_code(SIDE, SIDE, (4, 4))


def jp2_all_tiles() -> bytes:
    """65,535 tile headers."""
    code = jp2_code(1020, 1020, (4, 4))
    at = code.index(b"\xff\x90")
    parts = b"".join(segment(0x90, struct.pack(">HIBB", number, 14, 0, 1)) + b"\xff\x93" for number in range(65025))
    return code[:at] + parts + b"\xff\xd9"


def jp2_components() -> bytes:
    """16,384 components."""
    return jp2_code(SIDE, SIDE, (SIDE, SIDE), components=16384)


def jp2_layers() -> bytes:
    """65,535 layers of the smallest precincts, 32 levels."""
    return jp2_code(SIDE, SIDE, (SIDE, SIDE), levels=32, layers=65535, precincts=b"\0" + b"\x11" * 32)


def jp2_precincts() -> bytes:
    """Precincts of 2 x 2 pixels."""
    return jp2_code(SIDE, SIDE, (SIDE, SIDE), components=4, levels=1, precincts=b"\0\x11")


def jp2_boxes() -> bytes:
    """A hundred thousand boxes of XML."""
    file = bytes(imagecodecs.jpeg2k_encode(np.zeros((8, 8), np.uint8), codecformat="JP2"))
    return file[: file.index(b"jp2c") - 4] + make_box(b"xml ", b"a") * 100_000 + file[file.index(b"jp2c") - 4 :]


class _BitWriter:
    def __init__(self) -> None:
        self.count, self.number = 0, 0

    def put(self, *fields: tuple[int, int]) -> None:
        for count, number in fields:
            self.number |= number << self.count
            self.count += count

    def get(self) -> bytes:
        return self.number.to_bytes((self.count + 7) // 8, "little")


def jxl_channels(count: int = 4096) -> bytes:
    """Four thousand channels beside colour."""
    bits = _BitWriter()
    side = ((1, 0), (2, 1), (13, SIDE - 1))
    bits.put(*side, (3, 0), (2, 1), (13, SIDE - 1))
    bits.put((1, 0), (1, 0), (1, 0), (2, 0), (1, 1), (2, 3), (12, count - 1))
    for _ in range(count):
        bits.put((1, 1))
    bits.put((1, 0), (1, 1), (2, 0), (1, 1))
    return b"\xff\x0a" + bits.get() + bytes(100)


def jxl_metadata() -> bytes:
    """A packet that becomes a hundred megabytes, more than is read of one."""
    code = bytes(imagecodecs.jpegxl_encode(np.zeros((8, 8, 3), np.uint8)))
    packed = bytes(imagecodecs.brotli_encode(bytes(100 << 20), level=1))
    return JXL_START + TYPE_BOX + make_box(b"brob", b"xml ", packed) + make_box(b"jxlc", join_codestream(code))


def jxl_frames() -> bytes:
    """Five hundred frames."""
    frames = np.zeros((500, 16, 16), np.uint8)
    return bytes(imagecodecs.jpegxl_encode(frames, lossless=True, photometric="minisblack"))


def jxl_pieces() -> bytes:
    """A codestream in two hundred thousand pieces."""
    return JXL_START + TYPE_BOX + b"".join(make_box(b"jxlp", n.to_bytes(4), b"") for n in range(200_000))


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    name: (suffix, make)
    for suffix, makers in {
        ".png": (png_profile, png_text, png_texts, png_frames, png_pixels, png_length, png_exif),
        ".jpg": (
            jpeg_exif, jpeg_scans, jpeg_baseline_scans, jpeg_restarts, jpeg_segments, jpeg_small_segments, jpeg_fill,
            jpeg_profiles, jpeg_tables, jpeg_xmp,
        ),
        ".tif": (tiff_tiles, tiff_strips, tiff_tags, tiff_loop, tiff_pages, tiff_large_tiles, tiff_channels),
        ".webp": (webp_frames, webp_chunks, webp_exif),
        ".gif": (gif_frames, gif_comments),
        ".bmp": (bmp_profile,),
        ".heic": (heic_nested, heic_grid),
        ".avif": (avif_nested,),
        ".jxl": (jxl_nested, jxl_channels, jxl_metadata, jxl_frames, jxl_pieces),
        ".jp2": (jp2_nested, jp2_tiles, jp2_all_tiles, jp2_components, jp2_layers, jp2_precincts, jp2_boxes),
    }.items()
    for make in makers
    for name in (make.__name__.replace("_", "-"),)
}  # fmt: skip
BOMBS |= {
    "heic-items": (".heic", lambda: many_items(b"heic")),
    "avif-items": (".avif", lambda: many_items(b"avif")),
    "tiff-jpeg-tiles": (".tif", lambda: tiff_tiles(7, plain("JPEG", 1, "L"))),
    "tiff-deflate": (".tif", lambda: tiff_inflated(8, deflated())),
    "tiff-zstd": (".tif", lambda: tiff_inflated(50000, bytes(imagecodecs.zstd_encode(bytes(600 << 20))))),
    "tiff-packbits": (".tif", lambda: tiff_inflated(32773, b"\x81\0" * (1 << 22))),
    "tiff-jpeg-scans": (".tif", lambda: tiff_inflated(7, jpeg_scans())),
}


def read_bomb(name: str, training: bool, content: bytes) -> None:
    """Read a file as training or as enhancing does; it may be refused."""
    file = small_pictures() / f"bomb{BOMBS[name][0]}"
    file.write_bytes(content)
    with documented(str(file), ImageReadError):
        if training:
            decode_square(file, 16)
        else:
            read_photograph(file, MOST_MEGAPIXELS)


def main() -> int:
    """Read all bombs, each in a process of its own; print what each took, and return the exit code."""
    failures = 0
    for name, (_, make) in BOMBS.items():
        content = make()
        for training in (False, True):
            outcome = run_isolated(functools.partial(read_bomb, name, training), content)
            failures += bool(outcome.problem)
            side = "training" if training else "enhancing"
            cells = (name, side, len(content), f"{outcome.seconds:.1f} s", f"{outcome.megabytes:.0f} MB")
            print(*cells, outcome.problem or "passed", sep="\t", flush=True)
            print(outcome.report, end="", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
