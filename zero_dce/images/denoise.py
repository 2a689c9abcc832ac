"""Noise that enhancing has made visible: rounding to 8 bits, blocks of JPEG, the sensor's, smoothed along edges.

What is brightened by four stops has steps of 16 grey levels and more, and no curve takes them away: it sees one pixel,
and black stays black.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

# A photograph's noise, as a standard deviation in 255ths, and how far around a pixel is looked for others like it.
NOISE_LEVELS, MOST_NOISE_LEVELS, RADIUS = 1.0, 8.0, 3
# Each of two averages sees this far: pixels further inside than both do not depend on what lies outside.
REACH = 2 * RADIUS
# Neither black nor noise of 0 is divided by; these are far below what 8 bits tell apart.
BARELY_LIT, LEAST_VARIANCE = 0.5 / 255, 1e-6


def levels_for(exposure: str | float) -> float:
    """Return the noise to smooth where nobody said how much: none where the network's own result is asked for."""
    return 0.0 if exposure == "off" else NOISE_LEVELS


class Averaging(Protocol):
    """The operations of :class:`zero_dce.enhance.graph.programs.Operations` that smoothing needs."""

    def split(self, maps: Any, parts: int) -> Sequence[Any]:
        """Cut the channels into equal parts."""

    def concatenate(self, first: Any, second: Any) -> Any:
        """Join the channels of two values."""

    def mean(self, parts: Sequence[Any]) -> Any:
        """Average, element by element."""

    def average(self, x: Any, size: int, stride: int) -> Any:
        """Average over windows of ``size`` x ``size`` that lie wholly inside."""

    def crop(self, x: Any, top: int, left: int, bottom: int, right: int) -> Any:
        """Cut off so many rows and columns."""


def denoise(operations: Averaging, image: Any, enhanced: Any, levels: float = NOISE_LEVELS) -> Any:
    """Smooth an enhanced picture by as much as it was brightened, and keep its edges.

    A guided filter (He, Sun and Tang, "Guided Image Filtering", ECCV 2010) whose guide is the mean over RGB of the
    enhanced picture. Its threshold follows the noise: where a region was brightened ``g`` times, ``levels`` have become
    ``g`` times as many. So what was not brightened stays as it is, at any exposure and with any network.

    Args:
        operations: of PyTorch or of a graph.
        image: the picture before it was enhanced, B x 3 x H x W, range [0, 1].
        enhanced: the same picture enhanced, as large.
        levels: the standard deviation of the picture's noise in 255ths; 0 leaves it as it is.

    Returns:
        B x 3 x (H - 2 REACH) x (W - 2 REACH), range [0, 1]: what does not depend on pixels outside.
    """

    def around(*parts: Any) -> Sequence[Any]:
        # One average over all of them takes OpenVINO much less time than one for each.
        joined = reduce(operations.concatenate, parts)
        return operations.split(operations.average(joined, 2 * RADIUS + 1, 1), len(parts))

    def inside(x: Any, margin: int) -> Any:
        return operations.crop(x, margin, margin, margin, margin)

    guide, before = (operations.mean(operations.split(picture, 3)) for picture in (enhanced, image))
    single = operations.concatenate(operations.concatenate(guide, guide * guide), before)
    mean, product, singles = around(enhanced, guide * enhanced, single)
    mean_guide, square, mean_before = operations.split(singles, 3)
    # By how many times its own brightness a region has become brighter.
    gain = ((mean_guide + BARELY_LIT) / (mean_before + BARELY_LIT) - 1.0).relu()
    noise = gain * (levels / 255)
    variance = (square - mean_guide * mean_guide).relu()
    slope = (product - mean_guide * mean) / (variance + noise * noise + LEAST_VARIANCE)
    slope, offset = around(slope, mean - slope * mean_guide)
    result = inside(enhanced, REACH)
    smooth = slope * inside(guide, REACH) + offset
    share = inside(gain, RADIUS).clip(0.0, 1.0)
    return (result + share * (smooth - result)).clip(0.0, 1.0)


class TensorOperations:
    """Those operations on PyTorch's tensors; PyTorch is imported where it is used, as graphs do without it."""

    def split(self, maps: Tensor, parts: int) -> Sequence[Tensor]:
        """Cut channels, without a copy."""
        return maps.chunk(parts, dim=1)

    def concatenate(self, first: Tensor, second: Tensor) -> Tensor:
        """Join channels."""
        import torch

        return torch.cat((first, second), dim=1)

    def mean(self, parts: Sequence[Tensor]) -> Tensor:
        """Average."""
        import torch

        return torch.stack(tuple(parts)).mean(0)

    def average(self, x: Tensor, size: int, stride: int) -> Tensor:
        """Average over windows."""
        from torch.nn import functional as F

        return F.avg_pool2d(x, size, stride)

    def crop(self, x: Tensor, top: int, left: int, bottom: int, right: int) -> Tensor:
        """Cut off rows and columns, without a copy."""
        return x[..., top : x.shape[2] - bottom, left : x.shape[3] - right]


def denoise_whole(image: Any, enhanced: Any, levels: float = NOISE_LEVELS) -> Any:
    """Return :func:`denoise` of whole pictures of PyTorch, as large as they are: their edges are continued outwards."""
    from torch.nn import functional as F

    image, enhanced = (F.pad(x, [REACH] * 4, mode="replicate") for x in (image, enhanced))
    return denoise(TensorOperations(), image, enhanced, levels)
