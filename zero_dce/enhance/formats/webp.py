"""WebP files: read with imagecodecs, in a fraction of the memory that Pillow takes, and written with Pillow."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from PIL import Image

from zero_dce.enhance.canvas import Canvas, PillowCanvas, Tile
from zero_dce.enhance.formats.exif import EXIF_PREFIX, drop_thumbnail, orientation_of, set_upright
from zero_dce.enhance.formats.ifd import size_of
from zero_dce.enhance.formats.photograph import CheckSize, Content, check_dimensions

FRAME_HEADER = 16
# The flag in the VP8X chunk.
ALPHA = 0x10
# How hard a lossless file is squeezed, 0 to 100; nothing is lost at any.
LOSSLESS_EFFORT = 75
# Pixels a side (RFC 9649, section 2.7).
LONGEST_WEBP_SIDE = 16383


class RiffChunk(NamedTuple):
    """One chunk of the RIFF container."""

    kind: bytes
    content: bytes


@dataclass(frozen=True)
class WebpKept:
    """What a WebP holds beside its pixels, and whether it is lossless."""

    exif: bytes
    profile: bytes
    xmp: bytes
    lossless: bool

    @property
    def orientation(self) -> int:
        """The EXIF orientation."""
        return orientation_of(self.exif)

    def upright(self) -> WebpKept:
        """The same with orientation 1."""
        return replace(self, exif=set_upright(self.exif))

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:
        """Encode a canvas of 8 bits; what lies under full transparency is kept too."""
        check_dimensions(canvas, "WebP", LONGEST_WEBP_SIDE)
        cast("PillowCanvas", canvas).image.save(
            stream,
            "WEBP",
            lossless=self.lossless,
            quality=LOSSLESS_EFFORT if self.lossless else quality,
            exact=True,
            exif=self.exif,
            icc_profile=self.profile,
            xmp=self.xmp,
        )


def read_webp(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a WebP.

    Raises:
        ValueError: if it is too large or damaged; the decoder raises what it likes.
    """
    import imagecodecs  # only where a WebP needs it

    chunks = _chunks(stream, 12, size_of(stream))
    frames = [content for kind, content in chunks if kind == b"ANMF"]
    coded = _chunks(io.BytesIO(frames[0]), FRAME_HEADER, len(frames[0])) if frames else chunks
    # Of several of a kind, which is not allowed, decoders take the first.
    found = {chunk.kind: chunk.content for chunk in reversed(chunks)}
    bitstream = _bitstream(coded)
    size = _size(bitstream)
    whole = _canvas_size(found[b"VP8X"]) if b"VP8X" in found else size
    check_size(*size)
    check_size(*whole)
    stream.seek(0)
    pixels = imagecodecs.webp_decode(_still(coded, size) if frames else stream.read())
    image = Image.fromarray(_on_canvas(pixels, frames[0], whole) if frames else pixels)
    exif = drop_thumbnail(found.get(b"EXIF", b"").removeprefix(EXIF_PREFIX))
    kept = WebpKept(exif, found.get(b"ICCP", b""), found.get(b"XMP ", b""), bitstream.kind == b"VP8L")
    notices = [f"{len(frames)} frames: the first is taken"] if len(frames) > 1 else []
    return Content(PillowCanvas(image), kept, notices)


def _chunks(stream: BinaryIO, start: int, end: int) -> list[RiffChunk]:
    chunks = []
    while start + 8 <= end:
        stream.seek(start)
        kind, length = struct.unpack("<4sI", stream.read(8))
        if start + 8 + length > end:
            raise ValueError(f"it is truncated inside its chunk {kind.decode('latin-1')!r}")
        chunks.append(RiffChunk(kind, stream.read(length)))
        start += 8 + length + length % 2
    return chunks


def _bitstream(chunks: Sequence[RiffChunk]) -> RiffChunk:
    """Find the coded pixels."""
    for chunk in chunks:
        if chunk.kind in (b"VP8L", b"VP8 "):
            return chunk
    raise ValueError("it holds no pixels")


def _still(frame: Sequence[RiffChunk], size: tuple[int, int]) -> bytes:
    """Make a file of one frame of an animation; alpha in a chunk of its own needs a header that says so."""
    sides = b"".join((side - 1).to_bytes(3, "little") for side in size)
    alpha = any(chunk.kind == b"ALPH" for chunk in frame)
    body = b"WEBP"
    for kind, content in ([RiffChunk(b"VP8X", bytes((ALPHA, 0, 0, 0)) + sides)] if alpha else []) + list(frame):
        body += kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _size(bitstream: RiffChunk) -> tuple[int, int]:
    """Read the size (RFC 9649, section 3.4; RFC 6386, section 9.1)."""
    if bitstream.kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", bitstream.content, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", bitstream.content, 6)
    return width & 0x3FFF, height & 0x3FFF


def _canvas_size(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[4:7], "little") + 1, int.from_bytes(content[7:10], "little") + 1


def _on_canvas(pixels: Tile, frame: bytes, size: tuple[int, int]) -> Tile:
    """Put a first frame that covers a part only where it belongs; the rest is transparent."""
    if pixels.shape[1::-1] == size:
        return pixels
    left, top = (2 * int.from_bytes(frame[at : at + 3], "little") for at in (0, 3))
    height, width, channels = pixels.shape
    canvas = np.zeros((size[1], size[0], 4), np.uint8)
    place = canvas[top : top + height, left : left + width]
    place[..., 3] = 255
    place[..., :channels] = pixels
    return canvas
