"""PNG files: 8 bits with Pillow, 16 bits with imagecodecs and zlib; all but the pixels is kept chunk by chunk."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from zero_dce.images.canvas import ArrayCanvas, Canvas, PillowCanvas
from zero_dce.images.colour import srgb_profile
from zero_dce.images.exif import drop_thumbnail, orientation_of, set_upright
from zero_dce.images.formats.photograph import CheckSize, Content, encode_with_pillow
from zero_dce.images.formats.png_chunks import Chunk, Chunks, Header, read_chunks, write_chunk, write_start
from zero_dce.images.formats.png_colour import png_space
from zero_dce.images.formats.png_rows import compress_rows
from zero_dce.images.identify import PNG_START

EXIF_CHUNK = b"eXIf"
# They say which colours the numbers mean.
COLOUR_CHUNKS = (b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP")
# This bit of the colour type means colour, and not grey.
COLOUR_BIT = 2
PALETTE_COLOURS = 3
# The colour type for each number of channels.
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
# Pillow writes the signature first, then the header chunk: length, kind, content and checksum.
START_BYTES = len(PNG_START) + 4 + 4 + 13 + 4
# They describe palette and significant bits of the old pixels, so that leaving them out needs no notice.
PIXEL_HINTS = ("sBIT", "bKGD", "hIST", "iDOT", "sPLT")


@dataclass(frozen=True)
class PngKept:
    """The chunks of a PNG that go into the next one."""

    chunks: tuple[Chunk, ...]

    @property
    def orientation(self) -> int:
        """The EXIF orientation."""
        for kind, content in self.chunks:
            if kind == EXIF_CHUNK:
                return orientation_of(content)
        return 1

    def upright(self) -> PngKept:
        """The same with orientation 1."""
        return replace(self, chunks=_change_exif(self.chunks, set_upright))

    def as_srgb(self) -> PngKept:
        """The same with an sRGB profile in place of its own."""
        others = tuple(chunk for chunk in self.chunks if chunk.kind not in COLOUR_CHUNKS)
        return replace(self, chunks=(*others, Chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile()))))

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:  # noqa: ARG002
        """Encode a canvas in its 8 or 16 bits."""
        if isinstance(canvas, PillowCanvas):
            encoded = encode_with_pillow(canvas.image, "PNG")
            stream.write(encoded[:START_BYTES])
            for chunk in self.chunks:
                write_chunk(stream, *chunk)
            stream.write(encoded[START_BYTES:])
        elif isinstance(canvas, ArrayCanvas):
            _write_16_bits(canvas, stream, self.chunks)


def read_png(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a PNG; palettes become RGB or RGBA, transparent colours an alpha channel.

    Raises:
        ValueError: if it is too large or damaged; decoders raise what they like.
    """
    chunks = read_chunks(stream, check_size)
    canvas: Canvas = _read_16_bits(chunks) if chunks.header.depth == 16 else _read_8_bits(chunks)
    # Pillow's image would keep the encoded file in memory.
    chunks.pixels.close()
    # Decoders take the first of several of a kind, which are not allowed.
    found = {chunk.kind: chunk.content for chunk in reversed(chunks.kept)}
    space, notices = png_space(found, grey=not chunks.header.colour & COLOUR_BIT)
    return Content(canvas, PngKept(_change_exif(chunks.kept, drop_thumbnail)), _notices(chunks) + notices, space)


def _read_16_bits(chunks: Chunks) -> ArrayCanvas:
    import imagecodecs  # slow to import, and only 16 bits need it

    return ArrayCanvas(imagecodecs.png_decode(chunks.pixels.getvalue()))


def _read_8_bits(chunks: Chunks) -> PillowCanvas:
    # Image.open would have a limit of its own.
    file = PngImageFile(chunks.pixels)
    if chunks.transparency is not None and chunks.header.colour != PALETTE_COLOURS:
        file.info["transparency"] = _transparent_colour(chunks.transparency, chunks.header)
    file.load()
    mode = {"1": "L", "P": "RGB"}.get(file.mode, file.mode)
    if "transparency" in file.info:
        mode += "A"
    # Converting to the same mode would be a copy.
    image: Image.Image = file if mode == file.mode else file.convert(mode)
    image.info.clear()
    return PillowCanvas(image)


def _transparent_colour(content: bytes, header: Header) -> int | tuple[int, ...]:
    """Read a transparent colour, scaled to 8 bits as Pillow scales grey of fewer bits."""
    most = 2**header.depth - 1
    values = []
    for at in range(0, len(content), 2):
        values.append((int.from_bytes(content[at : at + 2]) & most) * 255 // most)
    return values[0] if header.colour == 0 else tuple(values[:3])


def _notices(chunks: Chunks) -> list[str]:
    notices = [f"{chunks.frames} frames: the first is taken"] if chunks.frames > 1 else []
    other = [kind for kind in chunks.left_out if kind not in PIXEL_HINTS]
    if other:
        notices.append(f"chunks about the old pixels: {', '.join(other)}: left out")
    return notices


def _change_exif(chunks: Iterable[Chunk], change: Callable[[bytes], bytes]) -> tuple[Chunk, ...]:
    return tuple(Chunk(kind, change(content) if kind == EXIF_CHUNK else content) for kind, content in chunks)


def _write_16_bits(canvas: ArrayCanvas, stream: BinaryIO, chunks: Iterable[Chunk]) -> None:
    channels = canvas.pixels.shape[2] if canvas.pixels.ndim == 3 else 1
    write_start(stream, Header(canvas.width, canvas.height, 16, COLOUR_TYPES[channels]), chunks)
    for content in compress_rows(canvas.pixels):
        write_chunk(stream, b"IDAT", content)
    write_chunk(stream, b"IEND", b"")
