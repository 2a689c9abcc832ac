"""Conversion between sRGB pixels and linear light."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zero_dce.images.decode import Pixels

Linear = npt.NDArray[np.float64]


def srgb_to_linear(pixels: npt.NDArray[np.integer]) -> Linear:
    """Undo the sRGB transfer curve (IEC 61966-2-1): integers up to 255 to linear light in [0, 1]."""
    value = pixels / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(light: Linear) -> Pixels:
    """Apply the sRGB transfer curve to linear light and round to 8 bits; values outside [0, 1] clip."""
    light = light.clip(0.0, 1.0)
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(value * 255.0).astype(np.uint8)
