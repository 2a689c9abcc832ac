"""Well exposed frames as a camera would have taken them with another exposure: pairs to learn from, without references.

Self-supervision: whatever frame is exposed well is its own answer, once it has been darkened or over-exposed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# Exposures are drawn evenly between these, in EV.
LEAST_EV, MOST_EV = -4.0, 1.2
# An exponent near enough to sRGB's curve, and the brightest value: white itself would stay white at any exposure.
DISPLAY_GAMMA, WHITEST = 2.2, 0.996
# The variance of noise in linear light is shot x light + read^2; both are drawn evenly from 0 to these.
MOST_SHOT, MOST_READ = 0.004, 0.002


def expose_again(pictures: Tensor, seeds: Sequence[tuple[int, ...]]) -> Tensor:
    """Return pictures as taken with another exposure, with the noise of a sensor, rounded to 8 bits.

    A camera's response has a shoulder: highlights approach white slowly. With the response ``1 - exp(-e)`` of the
    exposure ``e``, a gain ``g`` makes ``1 - (1 - y)^g`` of a value ``y``. A plain gain in linear light, which clips,
    teaches a network to brighten in a way that real exposure series contradict (``sweeps/quality``).

    Args:
        pictures: uint8, B x H x W x 3.
        seeds: one for each picture, from which alone its exposure and noise follow.

    Returns:
        uint8, B x H x W x 3, on the same device.
    """
    return torch.stack([_expose_again(picture, seed) for picture, seed in zip(pictures, seeds, strict=True)])


def _expose_again(picture: Tensor, seed: tuple[int, ...]) -> Tensor:
    draw = np.random.default_rng(seed)
    ev, shot, read = draw.uniform((LEAST_EV, 0, 0), (MOST_EV, MOST_SHOT, MOST_READ)).tolist()
    generator = torch.Generator(picture.device).manual_seed(int(draw.integers(2**32)))
    response: Tensor = 1 - (1 - (picture.float() / 255).clamp_max(WHITEST)) ** 2 ** (ev / DISPLAY_GAMMA)
    light = response**DISPLAY_GAMMA
    noise = torch.randn(light.shape, generator=generator, device=light.device)
    exposed: Tensor = (light + noise * (shot * light + read**2).sqrt()).clamp(0, 1) ** (1 / DISPLAY_GAMMA)
    return (exposed * 255).round().to(torch.uint8)
