"""Colours by the numbers of ITU-R H.273, as PNG (cICP), HEIF and AVIF (nclx) and JPEG XL give them."""

from __future__ import annotations

from zero_dce.images.coded_space import (
    D65,
    HLG_CURVE,
    PQ_CURVE,
    SRGB_CURVE,
    SRGB_PRIMARIES,
    Chromaticities,
    CodedSpace,
    power_curve,
)

# What the numbers of primaries mean (table 2).
CICP_PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB_PRIMARIES,
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
# The same for curves (table 3). Those of television, 1, 6, 14 and 15, are taken for sRGB's, as those of clips are.
CICP_CURVES = {
    **dict.fromkeys((1, 6, 13, 14, 15), SRGB_CURVE),
    4: power_curve(2.2),
    5: power_curve(2.8),
    8: power_curve(1),
    16: PQ_CURVE,
    18: HLG_CURVE,
}
UNSPECIFIED = 2


def cicp_space(primaries: int, curve: int) -> CodedSpace | None:
    """Return what numbers of primaries and curve mean; ``None`` where they are not known."""
    colours, transfer = CICP_PRIMARIES.get(primaries), CICP_CURVES.get(curve)
    return CodedSpace(transfer, colours) if colours and transfer else None


def hdr_notice(space: CodedSpace) -> list[str]:
    """Return what is said of a space of HDR; nothing of others."""
    if space.curve not in (PQ_CURVE, HLG_CURVE):
        return []
    return [f"{space.curve.name} (HDR): light above its reference white, 203 cd/m2, becomes white"]


def nclx_space(primaries: int, curve: int) -> tuple[CodedSpace | None, list[str]]:
    """Return the space of a file that gives its colours by these numbers alone, and notices.

    Returns:
        ``None`` as the space where it is sRGB, which is also what unspecified numbers are taken for.
    """
    first, second = (1 if primaries == UNSPECIFIED else primaries), (13 if curve == UNSPECIFIED else curve)
    space = cicp_space(first, second)
    if space is None:
        return None, [f"colours of kind {primaries}, {curve} (nclx): not known, taken as sRGB"]
    return (None if space.is_srgb() else space), hdr_notice(space)
