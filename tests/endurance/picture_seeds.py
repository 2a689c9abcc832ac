"""Small valid files of every format, of many kinds, to start a search from."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

from tests.helpers.clips import make_clip, make_silent_clip, still_frames
from tests.helpers.photographs import exif_block, pixels
from tests.helpers.raw import add_exif, write_dng
from zero_dce.images.colour import srgb_profile
from zero_dce.images.formats.bmff import make_box
from zero_dce.images.formats.jxl_write import SRGB_COLOURS, TYPE_BOX, encode_jxl
from zero_dce.images.identify import JP2_START, JXL_START, PNG_START

EXIF = b"Exif\0\0" + exif_block()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" hdrgm:Version="1.0" tiff:Orientation="6" '
    b'GCamera:MotionPhoto="1"><hdrgm:GainMapMax>2</hdrgm:GainMapMax></rdf:Description></rdf:RDF></x:xmpmeta>'
)


def with_pillow(format_: str, mode: str = "RGB", size: tuple[int, int] = (16, 20), **options: Any) -> bytes:
    """Encode shades with Pillow."""
    stream = io.BytesIO()
    Image.fromarray(pixels((*size, 4))).convert(mode).save(stream, format_, **options)
    return stream.getvalue()


def jpegs() -> Iterator[bytes]:
    """Baseline, progressive, grey, CMYK, and with segments of every kind."""
    yield with_pillow("JPEG", exif=EXIF, icc_profile=srgb_profile())
    yield with_pillow("JPEG", progressive=True, xmp=XMP)
    yield with_pillow("JPEG", "CMYK")
    yield with_pillow("JPEG", "L", restart_marker_blocks=1, comment=b"a comment")
    yield with_pillow("JPEG", subsampling=2, dpi=(72, 72), progressive=True, restart_marker_rows=1)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Put chunks behind the header of a PNG."""
    return png[:33] + b"".join(chunks) + png[33:]


def pngs() -> Iterator[bytes]:
    """Of all colour types and depths, interlaced, animated, and with chunks of every kind."""
    texts = (
        png_chunk(b"iCCP", b"a\0\0" + zlib.compress(srgb_profile())),
        png_chunk(b"eXIf", exif_block()),
        png_chunk(b"tEXt", b"Comment\0text"),
        png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"text" * 9)),
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
        png_chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
    )
    yield with_chunks(with_pillow("PNG"), *texts)
    yield with_chunks(with_pillow("PNG", "L"), png_chunk(b"gAMA", struct.pack(">I", 100000)))
    yield with_chunks(with_pillow("PNG", "RGBA"), png_chunk(b"cICP", bytes((9, 16, 0, 1))))
    primaries = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    colours = png_chunk(b"gAMA", struct.pack(">I", 45455)) + png_chunk(b"cHRM", struct.pack(">8I", *primaries))
    yield with_chunks(with_pillow("PNG", "LA"), colours)
    yield with_pillow("PNG", "P", transparency=3)
    yield with_pillow("PNG", "1")
    yield bytes(imagecodecs.png_encode(pixels((9, 8, 3), "uint16")))
    yield bytes(imagecodecs.png_encode(pixels((9, 8, 4), "uint16")))
    frames = [Image.fromarray(pixels((8, 8, 3), seed=seed)) for seed in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "PNG", save_all=True, append_images=frames[1:])
    yield stream.getvalue()


def repair_png(content: bytes) -> bytes:
    """Make the checksums of a PNG's chunks right."""
    repaired, place = bytearray(content), len(PNG_START)
    while place + 12 <= len(content):
        end = place + 8 + int.from_bytes(content[place : place + 4])
        if end + 4 > len(content):
            break
        repaired[end : end + 4] = zlib.crc32(repaired[place + 4 : end]).to_bytes(4)
        place = end + 4
    return bytes(repaired)


def with_tifffile(values: np.ndarray, photometric: str = "rgb", **options: Any) -> bytes:
    """Encode numbers with tifffile."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, photometric=photometric, metadata=None, software=False, **options)
    return stream.getvalue()


def tiffs() -> Iterator[bytes]:
    """Of all compressions, depths, colours and layouts."""
    small, deep = pixels((18, 17, 3)), pixels((18, 17, 3), "uint16")
    light = (small / 255).astype(np.float32)
    for compression in ("lzw", "packbits", "zlib", "lzma", "zstd"):
        yield with_tifffile(small, compression=compression)
    yield with_tifffile(deep, compression="lzw", predictor=2, byteorder=">", rowsperstrip=5)
    yield with_tifffile(deep, tile=(16, 16), planarconfig="separate", bigtiff=True)
    yield with_tifffile(small, compression="jpeg", rowsperstrip=8)
    yield with_tifffile(light, compression="zlib", predictor=3, tile=(16, 16))
    yield with_tifffile(light.astype(np.float16))
    yield with_tifffile(light.astype(np.float64)[..., 0], "minisblack")
    yield with_tifffile(pixels((18, 17, 4)), extrasamples=["assocalpha"])
    yield with_tifffile(pixels((18, 17, 4)), "separated")
    yield with_tifffile(small, "cielab")
    yield with_tifffile(small[..., 0], "palette", colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) * 80)
    yield with_tifffile(small[..., 0] > 90, "miniswhite", compression="packbits")
    yield with_tifffile(deep[..., 0] >> 4, "minisblack", bitspersample=12)
    yield with_pillow("TIFF", "L", exif=EXIF, icc_profile=srgb_profile())
    yield with_pillow("TIFF", "1", compression="group4")
    yield with_pillow("TIFF", "RGB", xmp=XMP, dpi=(72, 72))
    yield with_tifffile(np.stack([small, small]))


def webps() -> Iterator[bytes]:
    """Lossy, lossless, transparent and animated."""
    yield with_pillow("WEBP", exif=EXIF, xmp=XMP, icc_profile=srgb_profile())
    yield with_pillow("WEBP", "RGBA")
    yield with_pillow("WEBP", "RGBA", lossless=True)
    frames = [Image.fromarray(pixels((8, 8, 3), seed=seed)) for seed in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:])
    yield stream.getvalue()


def bmps() -> Iterator[bytes]:
    """With and without a palette; with run lengths, masks and a profile in its header."""
    yield with_pillow("BMP", size=(5, 6))
    yield with_pillow("BMP", "P", size=(5, 6))
    yield with_pillow("BMP", "1", size=(5, 6))
    yield with_pillow("DIB", size=(5, 6))
    for depth, compression, data in ((8, 1, b"\4\1\0\0\4\2\0\1"), (4, 2, b"\4\x12\0\0\4\x21\0\1"), (32, 3, bytes(32))):
        palette = bytes(1024) if depth < 32 else struct.pack("<III", 255 << 16, 255 << 8, 255)
        head = struct.pack(
            "<IiiHHIIiiII", 40, 4, 2, 1, depth, compression, len(data), 0, 0, 256 if depth < 32 else 0, 0
        )
        start = 14 + len(head) + len(palette)
        yield b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + data
    profile = srgb_profile()
    header = struct.pack("<IiiHHIIiiII", 124, 2, 2, 1, 24, 0, 16, 0, 0, 0, 0) + bytes(16) + b"DEBM"
    header = header.ljust(112, b"\0") + struct.pack("<II", 124 + 16, len(profile)) + bytes(4)
    yield b"BM" + struct.pack("<IHHI", 14 + 124 + 16 + len(profile), 0, 0, 138) + header + bytes(16) + profile


def gifs() -> Iterator[bytes]:
    """Single and animated."""
    yield with_pillow("GIF", "P")
    yield with_pillow("GIF", "L", comment=b"a comment", interlace=1)
    frames = [Image.fromarray(pixels((8, 8, 3), seed=seed)) for seed in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], transparency=0, disposal=2)
    yield stream.getvalue()


def heics() -> Iterator[bytes]:
    """Of 8 and 10 bits, grey, transparent, and with metadata and several pictures."""
    for mode, bits, options in (
        ("RGB", 8, {"exif": EXIF, "xmp": XMP, "icc_profile": srgb_profile()}),
        ("RGBA", 8, {}),
        ("L", 8, {}),
        ("RGB;10", 10, {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9}),
    ):
        channels = {"L": 1, "RGBA": 4}.get(mode, 3)
        values = pixels((64, 64, channels), "uint8" if bits == 8 else "uint16") >> (0 if bits == 8 else 6)
        stream = io.BytesIO()
        pillow_heif.encode(mode, (64, 64), values.tobytes(), stream, quality=30, bit_depth=bits, **options)
        yield stream.getvalue()
    stream = io.BytesIO()
    file = pillow_heif.from_pillow(Image.fromarray(pixels((64, 64, 3))))
    file.add_from_pillow(Image.fromarray(pixels((64, 64, 3), seed=1)))
    file.save(stream, quality=20)
    yield stream.getvalue()


def avifs() -> Iterator[bytes]:
    """Of 8, 10 and 12 bits, grey, transparent, turned, animated, and with metadata."""
    yield with_pillow("AVIF", exif=EXIF, xmp=XMP, icc_profile=srgb_profile(), quality=30)
    yield with_pillow("AVIF", "RGBA", quality=30)
    for bits, channels in ((10, 3), (12, 1), (10, 4)):
        values = pixels((16, 20, channels), "uint16") >> (16 - bits)
        yield bytes(imagecodecs.avif_encode(values.squeeze(), bitspersample=bits, speed=8, level=30))
    frames = [Image.fromarray(pixels((16, 16, 3), seed=seed)) for seed in range(2)]
    stream = io.BytesIO()
    frames[0].save(stream, "AVIF", save_all=True, append_images=frames[1:], quality=20)
    yield stream.getvalue()


def jxls() -> Iterator[bytes]:
    """Lossy, lossless, of floats, in boxes with metadata, of several pieces, animated, and made of a JPEG."""
    values = pixels((16, 20, 3))
    codestream = encode_jxl(values, 8, False, None, SRGB_COLOURS, 0)
    yield codestream
    metadata = make_box(b"Exif", bytes(4), exif_block()) + make_box(b"xml ", XMP)
    yield JXL_START + TYPE_BOX + metadata + make_box(b"jxlc", codestream)
    packed = bytes(imagecodecs.brotli_encode(XMP))
    pieces = make_box(b"jxlp", bytes(4), codestream[:40]) + make_box(b"jxlp", b"\x80\0\0\1", codestream[40:])
    yield JXL_START + TYPE_BOX + make_box(b"brob", b"xml ", packed) + pieces
    yield bytes(imagecodecs.jpegxl_encode(values, distance=1))
    yield bytes(imagecodecs.jpegxl_encode(pixels((9, 9, 4), "uint16"), lossless=True))
    yield bytes(imagecodecs.jpegxl_encode((values / 255).astype(np.float32), lossless=True))
    yield bytes(imagecodecs.jpegxl_encode(values[..., 0], lossless=True))
    yield bytes(imagecodecs.jpegxl_encode_jpeg(with_pillow("JPEG", exif=EXIF)))
    yield bytes(imagecodecs.jpegxl_encode(np.stack([values, values]), lossless=True, photometric="rgb"))


def jp2s() -> Iterator[bytes]:
    """Codestreams and files, lossless and lossy, of several tiles and levels, with a palette and metadata."""
    values = pixels((16, 20, 3))
    codestream = bytes(imagecodecs.jpeg2k_encode(values, codecformat="J2K", reversible=True))
    yield codestream
    yield bytes(imagecodecs.jpeg2k_encode(values[..., 0].astype(np.uint16) * 16, codecformat="J2K", level=40))
    yield bytes(imagecodecs.jpeg2k_encode(values, codecformat="JP2", reversible=True))
    yield bytes(imagecodecs.jpeg2k_encode(pixels((16, 20, 4)), codecformat="JP2", level=50))
    yield with_pillow("JPEG2000", tile_size=(8, 8), num_resolutions=2, quality_layers=[20, 10])
    header = make_box(b"ihdr", struct.pack(">IIHBBBB", 16, 20, 3, 7, 7, 0, 0))
    colour = make_box(b"colr", b"\2\0\0" + srgb_profile())
    exif = make_box(b"uuid", b"JpgTiffExif->JP2" + exif_block())
    xmp = make_box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + XMP)
    start = JP2_START + make_box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    yield start + make_box(b"jp2h", header, colour) + exif + xmp + make_box(b"jp2c", codestream)


def raws() -> Iterator[bytes]:
    """DNGs of a mosaic, with EXIF and without."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "a.dng")
        for orientation in (1, 6):
            write_dng(file, pixels((24, 24, 3)) / 255, (0.5, 1, 0.7), orientation)
            yield file.read_bytes()
        add_exif(file)
        yield file.read_bytes()


def clips(suffix: str) -> Callable[[], Iterator[bytes]]:
    """Return what makes short clips with sound, small ones, of a container."""

    def make() -> Iterator[bytes]:
        with TemporaryDirectory() as folder:
            file = Path(folder, f"a{suffix}")
            frames = still_frames(3, 32, 32)
            yield make_clip(file, frames).read_bytes()
            if suffix == ".mp4":
                yield make_clip(file, frames, rotation=90, index_first=True).read_bytes()
            if suffix == ".mkv":
                yield make_silent_clip(file, frames, "ffv1", "yuv444p").read_bytes()
            if suffix == ".webm":
                alpha = [np.dstack([frame, frame[..., 0]]) for frame in frames]
                yield make_silent_clip(file, alpha, "libvpx-vp9", "yuva420p").read_bytes()

    return make
