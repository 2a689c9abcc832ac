"""The chunks of a PNG: which are there, which are kept, and how they are written (PNG, third edition)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from zero_dce.enhance.formats.excerpt import Excerpt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Those that decoding needs.
PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
# What is about the colour space, the time and the camera, and so still true of other pixels. Beside these the standard
# allows those marked as safe to copy: texts, resolution, EXIF. Others, such as a signature, are about the old pixels.
STILL_TRUE = (b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"mDCv", b"cLLi", b"tIME", b"oFFs")
ANIMATED = (b"acTL", b"fcTL", b"fdAT")
BLOCK = 1 << 20


class Chunk(NamedTuple):
    """Kind of a chunk, and its content."""

    kind: bytes
    content: bytes


class Header(NamedTuple):
    """What the IHDR chunk says."""

    width: int
    height: int
    depth: int
    colour: int


@dataclass(frozen=True)
class Chunks:
    """What a PNG consists of.

    Attributes:
        header: size and kind of the pixels.
        kept: what goes into the file that is written.
        transparency: the content of the tRNS chunk.
        left_out: kinds of other chunks.
        frames: of an animation, else 1.
        pieces: start and length of what decoding needs.
    """

    header: Header
    kept: tuple[Chunk, ...]
    transparency: bytes | None
    left_out: tuple[str, ...]
    frames: int
    pieces: tuple[tuple[int, int], ...]

    def pixels(self, stream: BinaryIO) -> BinaryIO:
        """Give the same PNG with nothing beside its pixels: readers stumble over too much else."""
        return io.BufferedReader(Excerpt(stream, ((0, len(SIGNATURE)), *self.pieces)), BLOCK)


def read_chunks(stream: BinaryIO) -> Chunks:
    """Go through a PNG.

    Raises:
        ValueError: if it is truncated or damaged.
    """
    stream.seek(len(SIGNATURE))
    header, transparency, frames = None, None, 1
    kept, left_out, pieces = [], [], []
    kind = b""
    while kind != b"IEND":
        start = stream.tell()
        kind, content = _read_chunk(stream)
        if header is None:
            header = _header(kind, content)
        if kind in PIXEL_CHUNKS:
            pieces.append((start, stream.tell() - start))
            transparency = content if kind == b"tRNS" else transparency
        elif kind in STILL_TRUE or (kind[3:].islower() and kind not in ANIMATED):
            kept.append(Chunk(kind, content))
        elif kind == b"acTL":
            frames = max(1, int.from_bytes(content[:4]))
        elif kind not in ANIMATED:
            left_out.append(kind.decode("latin-1"))
    assert header is not None
    return Chunks(header, tuple(kept), transparency, tuple(dict.fromkeys(left_out)), frames, tuple(pieces))


def write_chunk(stream: BinaryIO, kind: bytes, content: bytes) -> None:
    """Write length, kind, content and checksum."""
    stream.write(struct.pack(">I", len(content)) + kind)
    stream.write(content)
    stream.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))


def write_start(stream: BinaryIO, header: Header, chunks: Sequence[Chunk]) -> None:
    """Write what comes before the pixels; they are not interlaced."""
    stream.write(SIGNATURE)
    write_chunk(stream, b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))
    for chunk in chunks:
        write_chunk(stream, *chunk)


def _read_chunk(stream: BinaryIO) -> Chunk:
    """Read a chunk and check it; pixels are checked a block at a time and not given."""
    head = stream.read(8)
    if len(head) < 8:
        raise ValueError("it is truncated: its last chunk is missing")
    length, kind = struct.unpack(">I4s", head)
    blocks, checksum, left = [], zlib.crc32(kind), length
    while left:
        block = stream.read(min(left, BLOCK))
        if not block:
            raise ValueError(f"it is truncated inside its chunk {kind.decode('latin-1')!r}")
        checksum, left = zlib.crc32(block, checksum), left - len(block)
        blocks += [block] if kind != b"IDAT" else []
    if stream.read(4) != struct.pack(">I", checksum):
        raise ValueError(f"it is damaged: the checksum of its chunk {kind.decode('latin-1')!r} is wrong")
    return Chunk(kind, b"".join(blocks))


def _header(kind: bytes, content: bytes) -> Header:
    if kind != b"IHDR" or len(content) != 13:
        raise ValueError("it is damaged: its header is missing")
    return Header._make(struct.unpack(">IIBB", content[:10]))
