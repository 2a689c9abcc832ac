"""The colour space of a PNG: cICP, else iCCP, else sRGB, else gAMA and cHRM (PNG, third edition, section 4.3)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import cast

from zero_dce.images.coded_space import (
    SRGB_CURVE,
    SRGB_PRIMARIES,
    Chromaticities,
    CodedSpace,
    are_primaries,
    power_curve,
)
from zero_dce.images.colour import ColourSpace, icc_space
from zero_dce.images.formats.cicp import cicp_space, hdr_notice

MOST_PROFILE_BYTES = 1 << 24
# gAMA and cHRM hold their numbers times this.
SCALE, GAMMA_BYTES = 100000, 4
# The exponent that the standard gives files in sRGB, how far others may be off, as in libpng, and what can be meant.
SRGB_GAMMA, GAMMA_TOLERANCE, LEAST_GAMMA, MOST_GAMMA = 0.45455, 0.05, 0.1, 10


def png_space(found: Mapping[bytes, bytes], grey: bool) -> tuple[ColourSpace | None, list[str]]:
    """Return what the numbers of a PNG mean, and notices.

    Args:
        found: the contents of its chunks by their kinds.
        grey: whether it is one of grey.

    Returns:
        ``None`` as the space where it is sRGB, or where its chunks are of no use.
    """
    notices = []
    if b"cICP" in found:
        space, notice = _cicp_space(found[b"cICP"])
        if space is not None:
            return _unless_srgb(space), [notice] if notice else []
        notices.append(notice)
    if b"iCCP" in found:
        icc, problem = icc_space(_profile(found[b"iCCP"]), grey)
        return icc, notices + ([problem] if problem else [])
    if b"sRGB" in found:
        return None, notices
    space, further = _gamma_space(found)
    return _unless_srgb(space), notices + further


def _unless_srgb(space: CodedSpace) -> CodedSpace | None:
    return None if space.is_srgb() else space


def _cicp_space(content: bytes) -> tuple[CodedSpace | None, str]:
    """Return the space of cICP and a notice, empty if there is none; ``None`` where it cannot be converted."""
    numbers = tuple(content)
    if len(numbers) == 4 and numbers[2:] == (0, 1):
        space = cicp_space(numbers[0], numbers[1])
        if space is not None:
            return space, "".join(hdr_notice(space))
    text = " ".join(map(str, numbers))
    return None, f"cICP {text}: a colour space that is not converted: passed over, as if the chunk were not there"


def _profile(content: bytes) -> bytes:
    """Return the ICC profile: after a name and the number of the compression, it is deflated."""
    deflated = content.partition(b"\0")[2][1:]
    try:
        return zlib.decompressobj().decompress(deflated, MOST_PROFILE_BYTES)
    except zlib.error:
        return b"damaged"


def _gamma_space(found: Mapping[bytes, bytes]) -> tuple[CodedSpace, list[str]]:
    """Return the space of gAMA and cHRM; what is missing or of no use is that of sRGB, the latter with a notice."""
    notices = []
    primaries, gamma = SRGB_PRIMARIES, SRGB_GAMMA
    if b"cHRM" in found:
        given = _chromaticities(found[b"cHRM"])
        primaries = given or primaries
        if not given:
            notices.append("cHRM of no use: taken as sRGB's primaries")
    if b"gAMA" in found:
        # A damaged chunk may be of any length.
        given_gamma = int.from_bytes(found[b"gAMA"][:GAMMA_BYTES]) / SCALE
        if LEAST_GAMMA <= given_gamma <= MOST_GAMMA:
            gamma = given_gamma
        else:
            notices.append(f"gAMA of no use ({given_gamma:g}): taken as sRGB's curve")
    space = CodedSpace(SRGB_CURVE, primaries)
    near_srgb = abs(gamma / SRGB_GAMMA - 1) <= GAMMA_TOLERANCE
    # The exponent stands for sRGB's own curve where the primaries are sRGB's; others, as Adobe RGB's, mean a power.
    if near_srgb and (b"gAMA" not in found or space.is_srgb()):
        return space, notices
    return CodedSpace(power_curve(1 / gamma), primaries), notices


def _chromaticities(content: bytes) -> Chromaticities | None:
    if len(content) != 32:
        return None
    numbers = cast("Chromaticities", tuple(number / SCALE for number in struct.unpack(">8I", content)))
    return numbers if are_primaries(numbers) else None
