"""How pixels are stored, and what they mean to the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# H x W x 3, or with more channels for maps.
Array = npt.NDArray[Any]
# What stands for 1.0; float32 is the network's own range.
LEVELS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}


def map_pixels(mean_map: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Show a mean curve map as a picture, as ``NN_curves.png`` of a run does.

    Args:
        mean_map: H x W x 3, range [-1, 1], in the released code's sign, where negative brightens.

    Returns:
        uint8 H x W x 3: mid grey leaves the picture as it is, lighter brightens.
    """
    return ((1 - mean_map) * 127.5).round().astype(np.uint8)
