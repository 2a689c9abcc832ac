"""Well exposed frames as a camera would have taken them with another exposure: pairs to learn from, without references.

Self-supervision: whatever frame is exposed well is its own answer, once it has been darkened or over-exposed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zero_dce.exposure import WHITEST

# Exposures are drawn evenly between these, in stops.
EVS = (-4.0, 2.0)
# The variance of noise is shot x light + read^2. Both are drawn evenly between these powers of ten: pictures made
# smaller have next to no noise, and a network that has only seen noisy ones blurs them.
SHOT, READ = (-7.0, -2.4), (-5.0, -2.7)


def expose_again(pictures: Tensor, seeds: Sequence[tuple[int, ...]]) -> Tensor:
    """Return pictures as taken with another exposure, with the noise of a sensor, rounded to 8 bits.

    The response is that of :func:`zero_dce.exposure.expose`. A gain that clips, as is usual, teaches a network to
    brighten in a way that real exposure series contradict (``sweeps/quality``).

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
    light = -torch.log1p(-(picture.float() * (WHITEST / 255)).sqrt()) * 2**ev
    noise = torch.randn(light.shape, generator=generator, device=light.device)
    light = (light + noise * (10**shot * light + 100**read).sqrt()).clamp_min(0)
    exposed = torch.expm1(-light).square() / WHITEST
    return (exposed * 255).round().clamp_max(255).to(torch.uint8)
