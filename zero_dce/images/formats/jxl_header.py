"""What the first bits of a JPEG XL codestream say: size, depth, channels and colours (ISO/IEC 18181-1, annexes A to E).

The codec gives pixels alone, so that this says what their numbers mean.
"""

from __future__ import annotations

from dataclasses import dataclass

from zero_dce.images.coded_space import (
    D65,
    SRGB_PRIMARIES,
    SRGB_SPACE,
    Chromaticities,
    CodedSpace,
    TransferCurve,
    power_curve,
)
from zero_dce.images.formats.cicp import CICP_CURVES, CICP_PRIMARIES
from zero_dce.images.identify import JXL_CODE_START

# The width in heights, by the number of a ratio (table D.1).
RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
# How each of four codes of two bits goes on: so many bits, and what is added to them.
Distribution = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
SIDE: Distribution = ((9, 1), (13, 1), (18, 1), (30, 1))
ENUM: Distribution = ((0, 0), (0, 1), (4, 2), (6, 18))
ALPHA, SPOT_COLOUR, BLACK_INK, BAYER = 0, 2, 3, 5
GREY, XYB, UNKNOWN_COLOURS = 1, 2, 3
WHITES = {1: D65, 10: (1 / 3, 1 / 3), 11: (0.314, 0.351)}
# The numbers of primaries and curves are those of H.273, but for that of P3.
PRIMARIES = {1: 1, 9: 9, 11: 12}
CUSTOM = 2
DCI_CURVE, DCI_EXPONENT = 17, 2.6


@dataclass(frozen=True)
class JxlHeader:
    """The header of a JPEG XL.

    Attributes:
        width: as stored, before it is turned.
        height: see ``width``.
        orientation: an EXIF orientation, by which the decoder turns the picture.
        bits: of each channel.
        exponent: how many of these are for the exponent of a floating-point number; 0 for whole numbers.
        extra: the kinds of channels beside colour.
        associated: whether colours are multiplied by the first alpha.
        animated: whether there are several frames.
        xyb: whether it is of lossy colours, which are no longer those of an ICC profile.
        icc: whether an ICC profile says what the colours mean.
        space: what they mean where there is none; ``None`` where it cannot be said.
        grey: whether it is one of grey.
        depth_at: the first bit, and the bit after the last, of what says the depth, counted after the signature; zeros
            where the header has none, since everything is as usual.
        colours_at: the same of what says the colours.
    """

    width: int
    height: int
    orientation: int = 1
    bits: int = 8
    exponent: int = 0
    extra: tuple[int, ...] = ()
    associated: bool = False
    animated: bool = False
    xyb: bool = True
    icc: bool = False
    space: CodedSpace | None = SRGB_SPACE
    grey: bool = False
    depth_at: tuple[int, int] = (0, 0)
    colours_at: tuple[int, int] = (0, 0)

    @property
    def floating(self) -> bool:
        """Whether the channels are of floating-point numbers."""
        return self.exponent > 0


class _Bits:
    """Reads numbers from a codestream, the lowest bit of each byte first."""

    def __init__(self, content: bytes) -> None:
        self._number, self._length, self.place = int.from_bytes(content, "little"), 8 * len(content), 0

    def take(self, count: int) -> int:
        if self.place + count > self._length:
            raise ValueError("it is truncated inside its header")
        value = self._number >> self.place & ((1 << count) - 1)
        self.place += count
        return value

    def flag(self) -> bool:
        return bool(self.take(1))

    def choice(self, distribution: Distribution) -> int:
        count, more = distribution[self.take(2)]
        return self.take(count) + more

    def enum(self) -> int:
        return self.choice(ENUM)


def read_jxl_header(codestream: bytes) -> JxlHeader:
    """Read the header of a codestream; its first few hundred bytes are enough.

    Raises:
        ValueError: if it is truncated or no codestream.
    """
    if not codestream.startswith(JXL_CODE_START):
        raise ValueError("it holds no JPEG XL codestream")
    bits = _Bits(codestream[2:1024])
    width, height = _size(bits)
    if bits.flag():
        return JxlHeader(width, height)
    orientation, animated = _further_fields(bits) if bits.flag() else (1, False)
    start = bits.place
    depth, exponent = _depth(bits)
    depth_at = (start, bits.place)
    bits.flag()  # It is about the decoder's buffers.
    extra: list[int] = []
    associated = False
    for _ in range(bits.choice(((0, 0), (0, 1), (4, 2), (12, 1)))):
        kind, multiplied = _extra_channel(bits)
        associated = associated or (multiplied and ALPHA not in extra)
        extra.append(kind)
    xyb = bits.flag()
    start = bits.place
    icc, grey, space = _colours(bits)
    colours_at = (start, bits.place)
    return JxlHeader(
        width,
        height,
        orientation,
        depth,
        exponent,
        tuple(extra),
        associated,
        animated,
        xyb,
        icc,
        space,
        grey,
        depth_at,
        colours_at,
    )


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.flag()

    def side() -> int:
        return 8 * (bits.take(5) + 1) if small else bits.choice(SIDE)

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return side(), height
    across, down = RATIOS[ratio]
    return height * across // down, height


def _further_fields(bits: _Bits) -> tuple[int, bool]:
    """Read the orientation, and whether there are several frames; pass over the size to show and a preview's."""
    orientation = bits.take(3) + 1
    if bits.flag():
        _size(bits)
    if bits.flag():
        _pass_preview(bits)
    animated = bits.flag()
    if animated:
        bits.choice(((0, 100), (0, 1000), (10, 1), (30, 1)))
        bits.choice(((0, 1), (0, 1001), (8, 1), (10, 1)))
        bits.choice(((0, 0), (3, 0), (16, 0), (32, 0)))
        bits.flag()
    return orientation, animated


def _pass_preview(bits: _Bits) -> None:
    large: Distribution = ((0, 16), (0, 32), (5, 1), (9, 33))
    side = large if bits.flag() else ((6, 1), (8, 65), (10, 321), (12, 1345))
    bits.choice(side)
    if not bits.take(3):
        bits.choice(side)


def _depth(bits: _Bits) -> tuple[int, int]:
    """Return the bits of a number, and how many of them are for an exponent."""
    if not bits.flag():
        return bits.choice(((0, 8), (0, 10), (0, 12), (6, 1))), 0
    return bits.choice(((0, 32), (0, 16), (0, 24), (6, 1))), bits.take(4) + 1


def _extra_channel(bits: _Bits) -> tuple[int, bool]:
    """Return the kind of a channel, and whether colours are multiplied by it."""
    if bits.flag():
        return ALPHA, False
    kind = bits.enum()
    _depth(bits)
    bits.choice(((0, 0), (0, 3), (0, 4), (3, 1)))
    bits.take(8 * bits.choice(((0, 0), (4, 0), (5, 16), (10, 48))))
    if kind == SPOT_COLOUR:
        bits.take(64)
    elif kind == BAYER:
        bits.choice(((0, 1), (2, 0), (4, 3), (8, 19)))
    return kind, kind == ALPHA and bits.flag()


def _colours(bits: _Bits) -> tuple[bool, bool, CodedSpace | None]:
    """Return whether an ICC profile says what the colours mean, whether it is grey, and what they mean otherwise."""
    if bits.flag():
        return False, False, SRGB_SPACE
    icc, kind = bits.flag(), bits.enum()
    if icc or kind in (XYB, UNKNOWN_COLOURS):
        return icc, kind == GREY, None
    number = bits.enum()
    white = _point(bits) if number == CUSTOM else WHITES.get(number)
    primaries = SRGB_PRIMARIES if kind == GREY else _primaries(bits)
    curve = _curve(bits)
    bits.enum()  # It says how colours are to be fitted into smaller spaces.
    if white is None or primaries is None or curve is None:
        return False, kind == GREY, None
    return False, kind == GREY, CodedSpace(curve, (*white, *primaries[2:]))


def _primaries(bits: _Bits) -> Chromaticities | None:
    number = bits.enum()
    if number == CUSTOM:
        return (*D65, *_point(bits), *_point(bits), *_point(bits))
    return CICP_PRIMARIES.get(PRIMARIES.get(number, 0))


def _curve(bits: _Bits) -> TransferCurve | None:
    if bits.flag():
        # The exponent of encoding, times ten million.
        gamma = bits.take(24) / 1e7
        return power_curve(1 / gamma) if gamma else None
    number = bits.enum()
    return power_curve(DCI_EXPONENT) if number == DCI_CURVE else CICP_CURVES.get(number)


def _point(bits: _Bits) -> tuple[float, float]:
    """Read a chromaticity: two signed numbers in millionths, in which the lowest bit is the sign."""
    numbers = []
    for _ in range(2):
        code = bits.choice(((19, 0), (19, 1 << 19), (20, 1 << 20), (21, 1 << 21)))
        numbers.append((-(code // 2) - 1 if code % 2 else code // 2) / 1e6)
    return numbers[0], numbers[1]
