"""WebP files: read with imagecodecs, in 7 bytes per pixel where Pillow takes 16, and written with Pillow."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple, cast

from PIL import Image

from zero_dce.images.canvas import Canvas, PillowCanvas
from zero_dce.images.colour import icc_space, srgb_profile
from zero_dce.images.exif import EXIF_PREFIX, drop_thumbnail, orientation_of, set_upright
from zero_dce.images.formats.photograph import CheckSize, Content, check_dimensions

# Place, size and duration take so many bytes before the chunks of a frame (RFC 9649, section 2.7.1.1).
FRAME_HEADER = 16
# The effort of lossless compression, 0 to 100, where Pillow takes the quality of a lossy file.
LOSSLESS_EFFORT = 75
# The limit in pixels is that of RFC 9649, section 2.7.
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

    def as_srgb(self) -> WebpKept:
        """The same with an sRGB profile in place of its own."""
        return replace(self, profile=srgb_profile())

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
    import imagecodecs  # slow to import, and only a WebP needs it

    file = stream.read()
    chunks = _chunks(file, 12)
    # Decoders take the first of several of a kind, which are not allowed.
    found = {chunk.kind: chunk.content for chunk in reversed(chunks)}
    frames = [chunk.content for chunk in chunks if chunk.kind == b"ANMF"]
    bitstream = _bitstream(_chunks(frames[0], FRAME_HEADER) if frames else chunks)
    size = _size(bitstream)
    whole = _canvas_size(found[b"VP8X"]) if b"VP8X" in found else size
    check_size(*size)
    check_size(*whole)
    # The picture is transparent around a first frame that covers only a part of it.
    partial = bool(frames) and size != whole
    pixels = imagecodecs.webp_decode(file, index=0, hasalpha=True if partial else None)
    exif = drop_thumbnail(found.get(b"EXIF", b"").removeprefix(EXIF_PREFIX))
    kept = WebpKept(exif, found.get(b"ICCP", b""), found.get(b"XMP ", b""), bitstream.kind == b"VP8L")
    notices = [f"{len(frames)} frames: the first is taken"] if len(frames) > 1 else []
    space, notice = icc_space(kept.profile)
    notices += [notice] if notice else []
    return Content(PillowCanvas(Image.fromarray(pixels)), kept, notices, space)


def _chunks(content: bytes, start: int) -> list[RiffChunk]:
    chunks = []
    while start + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, start)
        end = start + 8 + length
        if end > len(content):
            raise ValueError(f"it is truncated inside its chunk {kind.decode('latin-1')!r}")
        chunks.append(RiffChunk(kind, content[start + 8 : end]))
        start = end + length % 2
    return chunks


def _bitstream(chunks: Sequence[RiffChunk]) -> RiffChunk:
    """Find the chunk of encoded pixels."""
    for chunk in chunks:
        if chunk.kind in (b"VP8L", b"VP8 "):
            return chunk
    raise ValueError("it holds no pixels")


def _size(bitstream: RiffChunk) -> tuple[int, int]:
    """Read the size (RFC 9649, section 3.4; RFC 6386, section 9.1)."""
    if bitstream.kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", bitstream.content, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", bitstream.content, 6)
    return width & 0x3FFF, height & 0x3FFF


def _canvas_size(content: bytes) -> tuple[int, int]:
    return int.from_bytes(content[4:7], "little") + 1, int.from_bytes(content[7:10], "little") + 1
