"""The chunks of a PNG: which there are, which are kept, and how they are written (PNG, third edition)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from zero_dce.images.formats.photograph import CheckSize
from zero_dce.images.identify import PNG_START
from zero_dce.images.ifd import size_of

# Decoding needs these.
PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# These describe colour space, time and camera, and so stay true of other pixels. The standard also allows copying those
# marked as safe to copy: texts, resolution, EXIF. Others, such as a signature, are about the old pixels.
STILL_TRUE = (b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi", b"tIME", b"oFFs")
ANIMATED = (b"acTL", b"fcTL", b"fdAT")


class Chunk(NamedTuple):
    """The kind of a chunk, and its content."""

    kind: bytes
    content: bytes


class Header(NamedTuple):
    """What the IHDR chunk says."""

    width: int
    height: int
    depth: int
    colour: int


@dataclass
class Chunks:
    """What a PNG consists of.

    Attributes:
        header: size and kind of the pixels.
        kept: what goes into the file that is written.
        transparency: the content of the tRNS chunk.
        left_out: kinds of other chunks, each once, in their order.
        frames: of an animation, else 1.
        pixels: the same PNG without anything that decoding does not need: readers fail on much of it.
    """

    header: Header
    kept: list[Chunk] = field(default_factory=list)
    transparency: bytes | None = None
    left_out: dict[str, None] = field(default_factory=dict)
    frames: int = 1
    pixels: io.BytesIO = field(default_factory=io.BytesIO)

    def add(self, chunk: Chunk) -> None:
        """Sort a chunk into what is kept, decoded or left out."""
        kind, content = chunk
        if kind in PIXEL_CHUNKS:
            write_chunk(self.pixels, kind, content)
            if kind == b"tRNS":
                self.transparency = content
        elif kind in STILL_TRUE or (kind[3:].islower() and kind not in ANIMATED):
            self.kept.append(chunk)
        elif kind == b"acTL":
            self.frames = max(1, int.from_bytes(content[:4]))
        elif kind not in ANIMATED:
            self.left_out[kind.decode("latin-1")] = None


def read_chunks(stream: BinaryIO, check_size: CheckSize) -> Chunks:
    """Read a PNG into memory, still encoded.

    Raises:
        ValueError: if it is too large, truncated or damaged.
    """
    end = size_of(stream)
    stream.seek(len(PNG_START))
    chunk = _read_chunk(stream, end)
    chunks = Chunks(_parse_header(chunk))
    check_size(chunks.header.width, chunks.header.height)
    chunks.pixels.write(PNG_START)
    chunks.add(chunk)
    while chunk.kind != b"IEND":
        chunk = _read_chunk(stream, end)
        chunks.add(chunk)
    chunks.pixels.seek(0)
    return chunks


def write_chunk(stream: BinaryIO, kind: bytes, content: bytes) -> None:
    """Write length, kind, content and checksum."""
    stream.write(struct.pack(">I", len(content)) + kind)
    stream.write(content)
    stream.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))


def write_start(stream: BinaryIO, header: Header, chunks: Iterable[Chunk]) -> None:
    """Write everything before the pixels, which are not interlaced."""
    stream.write(PNG_START)
    write_chunk(stream, b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))
    for chunk in chunks:
        write_chunk(stream, *chunk)


def _read_chunk(stream: BinaryIO, end: int) -> Chunk:
    """Read a chunk and check it; ``end`` is where the file ends."""
    head = stream.read(8)
    if len(head) < 8:
        raise ValueError("it is truncated: its last chunk is missing")
    length, kind = struct.unpack(">I4s", head)
    if stream.tell() + length > end:
        raise ValueError(f"it is truncated inside its chunk {kind.decode('latin-1')!r}")
    content = stream.read(length)
    if stream.read(4) != struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))):
        raise ValueError(f"it is damaged: the checksum of its chunk {kind.decode('latin-1')!r} is wrong")
    return Chunk(kind, content)


def _parse_header(chunk: Chunk) -> Header:
    if chunk.kind != b"IHDR" or len(chunk.content) != 13:
        raise ValueError("it is damaged: its header is missing")
    return Header._make(struct.unpack(">IIBB", chunk.content[:10]))
