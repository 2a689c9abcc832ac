"""The gamma curve: the baseline that any network has to beat."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from zero_dce.images.decode import Pixels
from zero_dce.metrics.picture import GREY_LEVELS
from zero_dce.metrics.reference import MOST_DB

# The literature's baseline rows use this gamma.
USUAL_GAMMA = 0.4
# The best gamma is searched for among these.
GAMMAS = np.arange(5, 301) / 100


# Of the gamma that brings one picture to a mean, this range is searched by bisection, on a logarithmic scale.
SEARCHED_GAMMAS, GAMMA_BISECTIONS = (0.02, 20.0), 20


def gamma_to_mean(image: Tensor, mean: float) -> Tensor:
    """Return pictures under the gamma curve that brings each one to a mean, as nearly as one in 0.02 to 20 does.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1].
        mean: range [0, 1].
    """
    least, most = map(math.log, SEARCHED_GAMMAS)
    exponent = torch.full((len(image), 1, 1, 1), (least + most) / 2, device=image.device)
    step = (most - least) / 2
    for _ in range(GAMMA_BISECTIONS):
        step /= 2
        too_bright = (image ** exponent.exp()).mean(dim=(1, 2, 3), keepdim=True) > mean
        exponent += torch.where(too_bright, step, -step)
    return image ** exponent.exp()


class BestGamma:
    """Find the gamma of the highest mean PSNR over a set of pictures, to 0.01.

    A gamma maps each of the 256 values of an 8-bit picture to one other value, so a picture's squared error under any
    gamma follows from three sums per value: the number of pixels that have it, and the sums of their reference and of
    its square. Pictures are read once, and the error of every gamma is then exact.
    """

    def __init__(self) -> None:
        self._sums: list[npt.NDArray[np.float64]] = []

    def add(self, pixels: Pixels, reference: Pixels) -> None:
        """Add a picture and its reference, uint8 H x W x 3."""
        values = pixels.ravel()
        wanted = reference.ravel() / (GREY_LEVELS - 1)
        weights = (None, wanted, wanted**2)
        self._sums.append(np.stack([np.bincount(values, weight, minlength=GREY_LEVELS) for weight in weights]))

    def find(self) -> tuple[float, float]:
        """Return the gamma, and the mean PSNR in dB with it.

        Raises:
            ValueError: if no picture was added.
        """
        if not self._sums:
            raise ValueError("there are no pictures to find a gamma for")
        means = [self._mean_psnr(gamma) for gamma in GAMMAS]
        best = int(np.argmax(means))
        return float(GAMMAS[best]), means[best]

    def _mean_psnr(self, gamma: float) -> float:
        count, reference, squared = np.stack(self._sums, axis=1)
        output = (np.arange(GREY_LEVELS) / (GREY_LEVELS - 1)) ** gamma
        error = (count * output**2 - 2 * output * reference + squared).sum(axis=1) / count.sum(axis=1)
        return float(np.minimum(-10 * np.log10(np.maximum(error, 1e-30)), MOST_DB).mean())
