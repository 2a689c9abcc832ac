"""How pixels are stored, and what they mean to the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# What the network computes on and what comes of it: H x W x C float32, or pixels as stored, which its programs convert.
FloatArray = npt.NDArray[Any]
# The stored value that stands for 1.0; float32 is the network's own range.
WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}


def map_pixels(mean_map: FloatArray) -> npt.NDArray[np.uint8]:
    """Show a mean curve map as a picture, as ``NN_curves.png`` of a run does.

    Args:
        mean_map: H x W x 3, range [-1, 1], in the released code's sign, where negative brightens.

    Returns:
        uint8 H x W x 3: mid grey leaves the picture unchanged, lighter brightens.
    """
    return ((1 - mean_map) * 127.5).round().astype(np.uint8)
