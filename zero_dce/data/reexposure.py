"""Well exposed frames as a camera would have taken them with another exposure: pairs to learn from, without references.

Self-supervision: whatever frame is exposed well is its own answer, once it has been darkened or over-exposed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zero_dce.exposure.response import expose

# Exposures are drawn evenly between these, in stops.
EVS = (-4.0, 2.0)
# An exponent near enough to sRGB's curve, to linear light.
DISPLAY_GAMMA = 2.2
# The variance of noise in linear light is shot x light + read^2. Both are drawn evenly between these powers of ten:
# pictures made smaller have next to no noise, and a network that has only seen noisy ones blurs them.
SHOT, READ = (-7.6, -3.0), (-5.3, -3.0)


def expose_again(pictures: Tensor, seeds: Sequence[tuple[int, ...]]) -> Tensor:
    """Return pictures as taken with another exposure, with the noise of a sensor, rounded to 8 bits.

    The response is that of :func:`zero_dce.exposure.response.expose`. A gain that clips, as is usual, teaches a
    network to brighten in a way that real exposure series contradict (``sweeps/quality``).

    Args:
        pictures: uint8, B x H x W x 3.
        seeds: one for each picture, from which alone its exposure and noise follow.

    Returns:
        uint8, B x H x W x 3, on the same device.
    """
    return torch.stack([_expose_again(picture, seed) for picture, seed in zip(pictures, seeds, strict=True)])


def _expose_again(picture: Tensor, seed: tuple[int, ...]) -> Tensor:
    draw = np.random.default_rng(seed)
    ev, shot, read = (draw.uniform(*ends) for ends in (EVS, SHOT, READ))
    generator = torch.Generator(picture.device).manual_seed(int(draw.integers(2**32)))
    light = expose(picture.float() / 255, ev) ** DISPLAY_GAMMA
    noise = torch.randn(light.shape, generator=generator, device=light.device)
    noisy: Tensor = light + noise * (10**shot * light + 100**read).sqrt()
    return (noisy.clamp(0, 1) ** (1 / DISPLAY_GAMMA) * 255).round().to(torch.uint8)
