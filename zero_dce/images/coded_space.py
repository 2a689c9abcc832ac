"""Colour spaces that a file gives by numbers, as PNG does: a transfer curve and the chromaticities of its primaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from zero_dce.images.colour import SRGB_TOLERANCE, colour_grid

Floats = npt.NDArray[Any]
# The x and y of white, red, green and blue (CIE 1931), in the order of PNG's cHRM chunk.
Chromaticities = tuple[float, float, float, float, float, float, float, float]

D65 = (0.3127, 0.3290)
SRGB_PRIMARIES: Chromaticities = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
# The cone responses of the Bradford adaptation (ICC.1:2022, annex E).
CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# The luminances of HDR's reference white (ITU-R BT.2408, section 2.1), of PQ's largest number, and of the reference
# display of HLG (ITU-R BT.2100, tables 4 and 5), in cd/m2.
REFERENCE_WHITE, PQ_PEAK, HLG_PEAK = 203.0, 10000.0, 1000.0
# The exponent that makes display light of scene light on that display (ITU-R BT.2100, table 5).
HLG_SYSTEM_GAMMA = 1.2
# The constants of PQ and of HLG (ITU-R BT.2100, tables 4 and 5).
PQ_M1, PQ_M2, PQ_C1, PQ_C2, PQ_C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
# Scene light in which the display light of HLG is 1 at the reference white.
HLG_SCALE = (HLG_PEAK / REFERENCE_WHITE) ** (1 / HLG_SYSTEM_GAMMA)


@dataclass(frozen=True)
class TransferCurve:
    """How numbers stand for light.

    Attributes:
        name: what a person calls it.
        decode: from numbers in [0, 1] to linear light, in which 1 is the white of sRGB; HDR goes beyond it.
        encode: the inverse.
        system_gamma: the power of the luminance that scales light after decoding (BT.2100's OOTF), 1 for none.
    """

    name: str
    decode: Callable[[Floats], Floats]
    encode: Callable[[Floats], Floats]
    system_gamma: float = 1.0


@dataclass(frozen=True)
class CodedSpace:
    """A transfer curve and primaries, converted with 32-bit numbers; white becomes white (Bradford).

    Attributes:
        curve: the transfer curve.
        primaries: chromaticities that :func:`are_primaries` accepts.
    """

    curve: TransferCurve
    primaries: Chromaticities

    @property
    def description(self) -> str:
        """The name of the curve; primaries have none in a file."""
        return f"colours given by numbers ({self.curve.name})"

    @property
    def invertible(self) -> bool:
        """Both directions are formulas."""
        return True

    @cached_property
    def _light(self) -> npt.NDArray[np.float32]:
        """The linear light of every 16-bit number."""
        return self.curve.decode(np.arange(65536) / 65535).astype(np.float32)

    @cached_property
    def _to_xyz(self) -> npt.NDArray[np.float64]:
        return _matrix_to_xyz(self.primaries)

    @cached_property
    def _to_srgb(self) -> npt.NDArray[np.float64]:
        return np.linalg.inv(_matrix_to_xyz(SRGB_PRIMARIES)) @ self._to_xyz

    def to_srgb(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
        """Convert h x w x 3, uint8 or uint16, to sRGB; light beyond its white or its primaries is clipped."""
        return _round(encode_srgb(self.to_light(pixels).clip(0, 1)))

    def to_light(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Convert h x w x 3, uint8 or uint16, to linear light with the primaries of sRGB; nothing is clipped."""
        light = self._light[pixels.astype(np.uint16) * 257 if pixels.dtype == np.uint8 else pixels]
        if self.curve.system_gamma != 1:
            light *= self._luminance(light) ** (self.curve.system_gamma - 1)
        shown: npt.NDArray[np.float32] = light @ self._to_srgb.T.astype(np.float32)
        return shown

    def from_srgb(self, pixels: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        """Convert sRGB, h x w x 3, to this space; light beyond its primaries is clipped."""
        light = decode_srgb(pixels / np.float32(65535)) @ np.linalg.inv(self._to_srgb).T.astype(np.float32)
        light = light.clip(0, None)
        if self.curve.system_gamma != 1:
            # Black has no luminance to divide by, and stays black.
            luminance = np.maximum(self._luminance(light), np.float32(1e-9))
            light *= luminance ** (1 / self.curve.system_gamma - 1)
        return _round(self.curve.encode(light).clip(0, 1))

    def is_srgb(self) -> bool:
        """Tell whether this is sRGB, but for what the profiles of different makers differ by."""
        colours = colour_grid()
        return bool(np.abs(self.to_srgb(colours) / 257 - colours).max() <= SRGB_TOLERANCE)

    def _luminance(self, light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        luminance: npt.NDArray[np.float32] = light @ self._to_xyz[1].astype(np.float32)
        return luminance[..., None]


def power_curve(exponent: float) -> TransferCurve:
    """Return the curve whose light is the number raised to an exponent."""
    return TransferCurve(
        f"gamma {exponent:.4g}", lambda values: values**exponent, lambda light: light ** (1 / exponent)
    )


def are_primaries(chromaticities: Chromaticities) -> bool:
    """Tell whether positive amounts of three different colours mix to white."""
    if min(chromaticities[1::2]) <= 0:
        return False
    try:
        return bool((_amounts(chromaticities) > 0).all())
    except np.linalg.LinAlgError:
        return False


def decode_srgb(values: Floats) -> Floats:
    """Undo the curve of sRGB (IEC 61966-2-1): from [0, 1] to linear light in [0, 1]."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode_srgb(light: Floats) -> Floats:
    """Apply the curve of sRGB (IEC 61966-2-1): from linear light in [0, 1] to [0, 1]."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _decode_pq(values: Floats) -> Floats:
    root = values ** (1 / PQ_M2)
    fraction = np.maximum(root - PQ_C1, 0) / (PQ_C2 - PQ_C3 * root)
    light: Floats = fraction ** (1 / PQ_M1) * (PQ_PEAK / REFERENCE_WHITE)
    return light


def _encode_pq(light: Floats) -> Floats:
    power = (light * (REFERENCE_WHITE / PQ_PEAK)) ** PQ_M1
    values: Floats = ((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power)) ** PQ_M2
    return values


def _decode_hlg(values: Floats) -> Floats:
    scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - HLG_C) / HLG_A) + HLG_B) / 12)
    light: Floats = scene * HLG_SCALE
    return light


def _encode_hlg(light: Floats) -> Floats:
    scene = light / HLG_SCALE
    # The logarithm is taken of numbers above 1/12 only; others would be outside its domain.
    bright = HLG_A * np.log(12 * np.maximum(scene, 1 / 12) - HLG_B) + HLG_C
    values: Floats = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return values


SRGB_CURVE = TransferCurve("sRGB", decode_srgb, encode_srgb)
PQ_CURVE = TransferCurve("PQ", _decode_pq, _encode_pq)
HLG_CURVE = TransferCurve("HLG", _decode_hlg, _encode_hlg, HLG_SYSTEM_GAMMA)
SRGB_SPACE = CodedSpace(SRGB_CURVE, SRGB_PRIMARIES)


def _xyz(x: float, y: float) -> npt.NDArray[np.float64]:
    return np.array([x / y, 1, (1 - x - y) / y])


def _columns(chromaticities: Chromaticities) -> npt.NDArray[np.float64]:
    _, _, *colours = chromaticities
    return np.stack([_xyz(colours[at], colours[at + 1]) for at in (0, 2, 4)], axis=1)


def _amounts(chromaticities: Chromaticities) -> Floats:
    """Return how much of each primary makes white; NumPy raises LinAlgError where they lie on a line."""
    return np.linalg.solve(_columns(chromaticities), _xyz(*chromaticities[:2]))


def _matrix_to_xyz(chromaticities: Chromaticities) -> npt.NDArray[np.float64]:
    """Return the matrix from linear light to XYZ under D65."""
    matrix = _columns(chromaticities) * _amounts(chromaticities)
    scale = (CONES @ _xyz(*D65)) / (CONES @ _xyz(*chromaticities[:2]))
    adaptation: npt.NDArray[np.float64] = np.linalg.inv(CONES) @ (scale[:, None] * CONES)
    return adaptation @ matrix


def _round(values: Floats) -> npt.NDArray[np.uint16]:
    rounded: npt.NDArray[np.uint16] = np.rint(values * 65535).astype(np.uint16)
    return rounded
