"""What the headers of a JPEG 2000 codestream say, checked against its length (ITU-T T.800, annexes A and B).

A decoder sets memory aside for every tile and precinct before it reads any of them, so that a hundred bytes could take
gigabytes. But each tile has a header, and each precinct of each channel and layer a packet of at least a byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from zero_dce.images.identify import JP2_CODE_START

# Markers (table A.2): how the picture or one of its channels is coded, where a tile and where its pixels begin, and the
# end.
CODING_STYLE, CHANNEL_STYLE, TILE, TILE_PIXELS, CODE_END = 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFD9
# The header of a tile, with its marker, and the marker of its pixels.
TILE_HEADER_BYTES = 14
MOST_CHANNELS = 4
# The bit of a coding style that says that the sizes of precincts are given; others have 2^15 pixels a side.
PRECINCTS_GIVEN = 1


class Codestream(NamedTuple):
    """What the header of a codestream says; ``tile`` is the width and height of a tile."""

    width: int
    height: int
    bits: int
    channels: int
    reversible: bool
    tile: tuple[int, int]


class CodingStyle(NamedTuple):
    """How channels are coded.

    Attributes:
        of_picture: whether it is that of the whole picture, and not of a tile.
        channels: how many it is for.
        layers: how many there are; 0 in the style of one channel, which has those of the others.
        levels: how often it is halved.
        precincts: the exponents of the width and height at each level, from the smallest picture on; empty for the
            largest precincts.
    """

    of_picture: bool
    channels: int
    layers: int
    levels: int
    precincts: bytes


def read_codestream(codestream: bytes) -> Codestream:
    """Read sizes, depth and coding (sections A.5.1 and A.6.1).

    Raises:
        ValueError: if it is truncated, of a kind that is not read, or says more than its bytes can hold.
    """
    if not codestream.startswith(JP2_CODE_START):
        raise ValueError("it holds no JPEG 2000 codestream")
    try:
        right, bottom, left, top, *tile = struct.unpack_from(">6I", codestream, 8)
        (channels,) = struct.unpack_from(">H", codestream, 40)
        kinds = {codestream[42 + 3 * number : 45 + 3 * number] for number in range(channels)}
        styles = list(_styles(codestream, channels))
        reversible = _is_reversible(codestream)
    except (struct.error, IndexError) as error:
        raise ValueError("it is truncated inside its header") from error
    kind = kinds.pop() if len(kinds) == 1 else b""
    # The first byte is the depth less one, with a bit for signed numbers; then how many pixels share a number.
    if len(kind) != 3 or kind[0] & 0x80 or kind[1:] != b"\1\1" or channels > MOST_CHANNELS:
        raise ValueError(f"it has {channels} channels of different sizes or depths, or of signed numbers, or too many")
    found = Codestream(right - left, bottom - top, kind[0] + 1, channels, reversible, (tile[0], tile[1]))
    if min(found.width, found.height, *found.tile) < 1:
        raise ValueError(f"it is damaged: {found.width} x {found.height} pixels in tiles of {tile[0]} x {tile[1]}")
    _check_packets(found, styles, len(codestream))
    return found


def _markers(codestream: bytes) -> Iterator[tuple[int, int]]:
    """Yield the markers in the headers of the picture and its tiles, and where their content starts."""
    place = 2
    while place + 4 <= len(codestream):
        marker, length = struct.unpack_from(">HH", codestream, place)
        if marker == CODE_END:
            return
        yield marker, place + 4
        if marker != TILE:
            place += 2 + max(2, length)
            continue
        (part,) = struct.unpack_from(">I", codestream, place + 6)
        inner = place + TILE_HEADER_BYTES - 2
        while struct.unpack_from(">H", codestream, inner)[0] != TILE_PIXELS:
            marker, length = struct.unpack_from(">HH", codestream, inner)
            yield marker, inner + 4
            inner += 2 + max(2, length)
        # The last part of a tile may be of length 0, which means all that follows.
        place = place + max(part, TILE_HEADER_BYTES) if part else len(codestream)


def _styles(codestream: bytes, channels: int) -> Iterator[CodingStyle]:
    """Yield all coding styles (sections A.6.1 and A.6.2)."""
    of_picture = True
    for marker, at in _markers(codestream):
        of_picture = of_picture and marker != TILE
        if marker == CODING_STYLE:
            (layers,) = struct.unpack_from(">H", codestream, at + 2)
            count, given, levels, start = channels, codestream[at], codestream[at + 5], at + 10
        elif marker == CHANNEL_STYLE:
            # The number of the channel comes first.
            at += 1 if channels < 257 else 2
            count, layers, given, levels, start = 1, 0, codestream[at], codestream[at + 1], at + 6
        else:
            continue
        precincts = codestream[start : start + levels + 1] if given & PRECINCTS_GIVEN else b""
        yield CodingStyle(of_picture, count, layers, levels, precincts)


def _is_reversible(codestream: bytes) -> bool:
    """Tell whether the transformation of the picture is one without loss."""
    for marker, at in _markers(codestream):
        if marker in (CODING_STYLE, TILE):
            return marker == CODING_STYLE and codestream[at + 9] == 1
    raise IndexError


def _check_packets(found: Codestream, styles: list[CodingStyle], length: int) -> None:
    """Raise ValueError unless so many bytes can hold the headers of all tiles, and all packets."""
    needed = TILE_HEADER_BYTES * _parts(found.width, found.tile[0]) * _parts(found.height, found.tile[1])
    layers = max((style.layers for style in styles), default=1)
    for style in styles:
        needed = max(needed, (style.layers or layers) * style.channels * _least_precincts(found, style))
    if needed > length:
        raise ValueError(
            f"its headers claim tiles and packets of at least {needed} bytes, but it has {length}: it is damaged, cut "
            "short, or a decompression bomb"
        )


def _least_precincts(found: Codestream, style: CodingStyle) -> int:
    """Return how many precincts a channel has at least (annex B.6), wherever the picture lies on their grid."""
    width, height = found.width, found.height
    if not style.of_picture:
        width, height = min(width, found.tile[0]), min(height, found.tile[1])
    count = 0
    for level, exponents in enumerate(style.precincts):
        halved = style.levels - level
        count += _parts(width >> halved, 1 << (exponents & 15)) * _parts(height >> halved, 1 << (exponents >> 4))
    return max(1, count)


def _parts(length: int, part: int) -> int:
    """Return how many parts cover a length."""
    return -(-length // part)
