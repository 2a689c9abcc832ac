"""Whether an exported network computes what PyTorch does."""

from __future__ import annotations

import numpy as np
import torch

from zero_dce.enhance.pixels import FloatArray
from zero_dce.export.formats import Run
from zero_dce.networks import CurveNet

# Pictures, height and width: the smallest, an odd one, and one that is larger than the blocks of any kernel.
SHAPES = ((1, 1, 1), (2, 45, 61), (1, 240, 320))
TOLERANCE = 1e-5


def largest_difference(run: Run, network: CurveNet) -> float:
    """Compare enhanced pictures and curve maps on random pixels of :data:`SHAPES`.

    Args:
        run: the exported network.
        network: the same in PyTorch, on the CPU.

    Raises:
        ValueError: if the shapes differ, or a difference is above :data:`TOLERANCE`.
    """
    generator = np.random.default_rng(0)
    return max(_difference(run, network, generator.random((n, 3, *size), np.float32)) for n, *size in SHAPES)


def _difference(run: Run, network: CurveNet, image: FloatArray) -> float:
    with torch.no_grad():
        expected = [output.numpy() for output in network(torch.from_numpy(image))]
    computed = run(image)
    if [output.shape for output in computed] != [output.shape for output in expected]:
        raise ValueError(
            f"on a picture of {image.shape} the exported network gives {[output.shape for output in computed]}, "
            f"PyTorch {[output.shape for output in expected]}"
        )
    largest = max(float(np.abs(one - other).max()) for one, other in zip(computed, expected, strict=True))
    # Also true where it is no number.
    if not largest <= TOLERANCE:
        raise ValueError(
            f"on a picture of {image.shape} the exported network differs from PyTorch by {largest:.2g}, more than "
            f"{TOLERANCE:g}"
        )
    return largest
