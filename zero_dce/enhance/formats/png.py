"""PNG files: 8 bits with Pillow, 16 bits with imagecodecs; what lies beside the pixels is kept chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from zero_dce.enhance.canvas import ArrayCanvas, Canvas, PillowCanvas
from zero_dce.enhance.formats.exif import drop_thumbnail, orientation_of, set_upright
from zero_dce.enhance.formats.photograph import CheckSize, Content
from zero_dce.enhance.formats.png_chunks import SIGNATURE, Chunk, Chunks, Header, read_chunks, write_chunk, write_start
from zero_dce.enhance.formats.png_rows import compress_rows
from zero_dce.enhance.formats.through import Through

EXIF_CHUNK = b"eXIf"
PALETTE = 3
# Colour types by the number of channels.
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


@dataclass(frozen=True)
class PngKept:
    """The chunks of a PNG that go into the next one."""

    chunks: tuple[Chunk, ...]

    @property
    def orientation(self) -> int:
        """The EXIF orientation."""
        return next((orientation_of(content) for kind, content in self.chunks if kind == EXIF_CHUNK), 1)

    def upright(self) -> PngKept:
        """The same with orientation 1."""
        return replace(self, chunks=_change_exif(self.chunks, set_upright))

    def write(self, canvas: Canvas, stream: BinaryIO, quality: int) -> None:  # noqa: ARG002
        """Encode a canvas in its 8 or 16 bits."""
        if isinstance(canvas, PillowCanvas):
            canvas.image.save(cast("BinaryIO", _Inserted(stream, self.chunks)), "PNG")
        elif isinstance(canvas, ArrayCanvas):
            _write_16_bits(canvas, stream, self.chunks)


def read_png(stream: BinaryIO, check_size: CheckSize) -> Content:
    """Read a PNG; palettes become RGB or RGBA, transparent colours an alpha channel.

    Raises:
        ValueError: if it is too large or damaged; decoders raise what they like.
    """
    chunks = read_chunks(stream)
    check_size(chunks.header.width, chunks.header.height)
    pixels = chunks.pixels(stream)
    canvas: Canvas = _read_16_bits(pixels) if chunks.header.depth == 16 else _read_8_bits(pixels, chunks)
    return Content(canvas, PngKept(_change_exif(chunks.kept, drop_thumbnail)), _notices(chunks))


def _read_16_bits(pixels: BinaryIO) -> ArrayCanvas:
    import imagecodecs  # only where 16 bits need it

    return ArrayCanvas(imagecodecs.png_decode(pixels.read()))


def _read_8_bits(pixels: BinaryIO, chunks: Chunks) -> PillowCanvas:
    # Not Image.open, which has a limit of its own.
    file = PngImageFile(pixels)
    if chunks.transparency is not None and chunks.header.colour != PALETTE:
        file.info["transparency"] = _transparent_colour(chunks.transparency, chunks.header)
    file.load()
    alpha = "transparency" in file.info
    mode = {"1": "L", "P": "RGB"}.get(file.mode, file.mode) + ("A" if alpha else "")
    # Converting to the same mode would be a copy.
    image: Image.Image = file if mode == file.mode else file.convert(mode)
    image.info.clear()
    return PillowCanvas(image)


def _transparent_colour(content: bytes, header: Header) -> int | tuple[int, ...]:
    """Read a transparent colour, in the 8 bits to which Pillow brings grey of fewer."""
    most = 2**header.depth - 1
    values = tuple((int.from_bytes(content[at : at + 2]) & most) * 255 // most for at in range(0, len(content), 2))
    return values[0] if header.colour == 0 else values[:3]


def _notices(chunks: Chunks) -> list[str]:
    notices = [f"{chunks.frames} frames: the first is taken"] if chunks.frames > 1 else []
    # Hints of the palette and of the significant bits mean nothing for other pixels.
    other = [kind for kind in chunks.left_out if kind not in ("sBIT", "bKGD", "hIST", "iDOT", "sPLT")]
    if other:
        notices.append(f"chunks about the old pixels: {', '.join(other)}: left out")
    return notices


def _change_exif(chunks: Sequence[Chunk], change: Callable[[bytes], bytes]) -> tuple[Chunk, ...]:
    return tuple(Chunk(kind, change(content) if kind == EXIF_CHUNK else content) for kind, content in chunks)


def _write_16_bits(canvas: ArrayCanvas, stream: BinaryIO, chunks: Sequence[Chunk]) -> None:
    channels = canvas.pixels.shape[2] if canvas.pixels.ndim == 3 else 1
    write_start(stream, Header(canvas.width, canvas.height, 16, COLOUR_TYPES[channels]), chunks)
    for content in compress_rows(canvas.pixels):
        write_chunk(stream, b"IDAT", content)
    write_chunk(stream, b"IEND", b"")


class _Inserted(Through):
    """A file into which chunks are written after the header that Pillow writes first."""

    def __init__(self, stream: BinaryIO, chunks: Sequence[Chunk]) -> None:
        super().__init__(stream)
        self._chunks = chunks
        # Signature, length, kind, content and checksum.
        self._left = len(SIGNATURE) + 4 + 4 + 13 + 4

    def write(self, content: bytes) -> int:  # type: ignore[override]
        written = super().write(content)
        if self._left > 0:
            self._left -= written
            if self._left == 0:
                for chunk in self._chunks:
                    write_chunk(self.stream, *chunk)
        return written
