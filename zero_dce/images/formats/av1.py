"""What the code of an AVIF says of its colours (AV1 Bitstream & Decoding Process Specification, section 5)."""

from __future__ import annotations

from zero_dce.images.formats.cicp import UNSPECIFIED

SEQUENCE_HEADER = 1
# What is read of a sequence header lies in its first bytes.
MOST_HEADER_BYTES = 32
# The profile that always has colour, and that which has 12 bits.
COLOUR_PROFILE, DEEP_PROFILE = 1, 2


def av1_colours(code: bytes) -> tuple[int, int, int] | None:
    """Return the numbers of primaries, curve and matrix (ITU-R H.273) of a still picture's code.

    Returns:
        ``UNSPECIFIED`` thrice where its header does not give them; ``None`` where it has no header, or that of a film.
    """
    header = _sequence_header(code)
    number, left = int.from_bytes(header), 8 * len(header)

    def take(count: int) -> int:
        nonlocal left
        left -= count
        if left < 0:
            raise IndexError
        return number >> left & ((1 << count) - 1)

    try:
        profile, _, still = take(3), take(1), take(1)
        if not still:
            return None
        # The level; then how many bits width and height have, these, and six tools of the code.
        take(5)
        take(take(4) + 1 + take(4) + 1)
        take(6)
        if take(1) and profile == DEEP_PROFILE:
            take(1)
        if profile != COLOUR_PROFILE:
            take(1)
        return (take(8), take(8), take(8)) if take(1) else (UNSPECIFIED, UNSPECIFIED, UNSPECIFIED)
    except IndexError:
        return None


def _sequence_header(code: bytes) -> bytes:
    """Return the start of the first sequence header, without its own header (sections 5.3.2 and 4.10.5)."""
    place = 0
    while place < len(code):
        kind, extended, sized = code[place] >> 3 & 15, code[place] >> 2 & 1, code[place] >> 1 & 1
        place += 1 + extended
        size = 0
        # Seven bits a byte, the lowest first; the eighth says that another follows.
        for shift in range(0, 56 * sized, 7):
            byte = code[place] if place < len(code) else 0
            place += 1
            size |= (byte & 127) << shift
            if byte < 128:
                break
        end = place + size if sized else len(code)
        if kind == SEQUENCE_HEADER:
            return code[place : min(end, place + MOST_HEADER_BYTES)]
        place = end
    return b""
