"""Random changes of training pictures, a function of (seed, epoch, picture) for any number of workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from zero_dce.checks import check_option

LEVELS = 256


@dataclass(frozen=True)
class Augmentation:
    """Crop, flips and exposure; by default pictures are only squashed to a square, as in the paper.

    Attributes:
        crop: ``None`` squashes pictures to a square. A number of at least 1 keeps their proportions: the shorter side
            becomes this many times ``data.size``, and a square is cut out, at random in training and from the middle in
            validation.
        flip: mirror left and right with probability 1/2.
        flip_vertical: mirror top and bottom with probability 1/2.
        exposure_ev: change the exposure by a random EV between minus and plus this number, range [0, 4]: in linear
            light, clipped and rounded to 8 bits as a camera does.
        restore: train on well exposed frames alone, each darkened or over-exposed, with the frame as it was beside it,
            see :func:`zero_dce.data.reexposure.expose_again`.

    Raises:
        ValueError: if a number is out of its range.
    """

    crop: float | None = None
    flip: bool = False
    flip_vertical: bool = False
    exposure_ev: float = 0.0
    restore: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            check_option(f"data.augment.{field.name}", getattr(self, field.name))

    def __call__(self, pictures: Sequence[Tensor], size: int, seeds: Sequence[tuple[int, ...]]) -> Tensor:
        """Change pictures at random, without waiting for the device that they are on.

        Args:
            pictures: B of them, uint8, H x W x 3, both sides at least ``size``.
            size: side of the squares to return.
            seeds: one for each picture, whose change depends only on it and on the picture's shape.

        Returns:
            uint8, B x size x size x 3.
        """
        # All five are drawn whether used or not, so that one more option does not change what the others do.
        draws = [np.random.default_rng(seed).random(5) for seed in seeds]
        squares = [self._square(picture, size, draw) for picture, draw in zip(pictures, draws, strict=True)]
        batch = torch.stack(squares)
        return (
            expose_anew(batch, [self.exposure_ev * (2 * draw[4] - 1) for draw in draws]) if self.exposure_ev else batch
        )

    def _square(self, picture: Tensor, size: int, draw: npt.NDArray[np.float64]) -> Tensor:
        top, left, flip, flip_vertical, _ = draw
        square = cut(picture, size, top, left)
        if self.flip and flip < 0.5:
            square = square.flip(1)
        if self.flip_vertical and flip_vertical < 0.5:
            square = square.flip(0)
        return square


def cut(picture: Tensor, size: int, top: float = 0.5, left: float = 0.5) -> Tensor:
    """Cut a square out of H x W x 3, as a view; ``top`` and ``left`` in [0, 1] say where, 0.5 is the middle."""
    height, width, _ = picture.shape
    y, x = round(top * (height - size)), round(left * (width - size))
    return picture[y : y + size, x : x + size]


def expose_anew(pictures: Tensor, evs: Sequence[float]) -> Tensor:
    """Multiply the linear light of sRGB pictures by 2 to the power of their EVs; highlights clip.

    Args:
        pictures: uint8, B x H x W x 3.
        evs: B of them.

    Returns:
        uint8, B x H x W x 3.
    """
    # Imported here because most runs do not change the exposure.
    from zero_dce.images.light import linear_to_srgb, srgb_to_linear

    light = srgb_to_linear(np.arange(LEVELS))
    tables = np.concatenate([linear_to_srgb(light * 2.0**ev) for ev in evs])
    # On a GPU these are a copy and three kernels a batch, and nothing that the processor has to wait for.
    table = torch.from_numpy(tables).to(pictures.device, non_blocking=True)
    begins = torch.arange(0, len(tables), LEVELS, dtype=torch.int32, device=pictures.device)
    return table[pictures + begins[:, None, None, None]]
