"""PIQE: blocking and noise in a picture, without reference and without trained parameters."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zero_dce.metrics.mscn import mscn
from zero_dce.metrics.picture import luminance, to_levels

BLOCK_SIDE = 16
# So many pixels in a row on a block's edge that hardly vary are a visible artefact.
SEGMENT = 6
# A block counts if its variance is above the first; a segment is flat if its standard deviation is below the second.
ACTIVE, FLAT = 0.1, 0.1


def piqe(image: Tensor) -> Tensor:
    """Perception based image quality evaluator (PIQE): 0 is best, 100 worst.

    N. Venkatanath, D. Praneeth, M. Chandrasekhar Bh, S. S. Channappayya and S. S. Medasani, "Blind image quality
    evaluation using perception based features", NCC 2015; rounding, padding and the columns that count as a block's
    surround are those of the published code. The luminance is stretched to 255 and normalised by its local mean and
    deviation. Of the blocks of 16 x 16 pixels that have structure, those with a flat piece of edge count as blocky, and
    those whose middle varies differently from the rest count as noisy.

    It is made for pictures at the size at which they are viewed. A picture without structure scores 100.

    Args:
        image: expected shape B x 3 x H x W, range [0, 1]; computed in float64.

    Returns:
        Shape B, range [0, 100]; NaN for a picture with a side below 16 pixels.
    """
    if min(image.shape[-2:]) < BLOCK_SIDE:
        return image.new_full((len(image),), torch.nan)
    blocks = _blocks(mscn(_stretch(image)))
    variance = blocks.flatten(2).var(dim=2)
    active = variance > ACTIVE
    damage = _blocky(blocks) * (1 - variance) + _noisy(blocks, variance.sqrt()) * variance
    return (100 * ((damage * active).sum(dim=1) + 1) / (active.sum(dim=1) + 1)).to(image.dtype)


def _stretch(image: Tensor) -> Tensor:
    """Return the luminance in whole numbers, the brightest at 255, mirrored to a multiple of the block's side."""
    grey = to_levels(luminance(image)).double()
    grey = (255 * grey / grey.amax(dim=(1, 2), keepdim=True).clamp_min(1)).round()
    for dimension in (1, 2):
        side = grey.shape[dimension]
        places = torch.arange(math.ceil(side / BLOCK_SIDE) * BLOCK_SIDE, device=image.device)
        grey = grey.index_select(dimension, torch.where(places < side, places, 2 * side - 1 - places))
    return grey


def _blocks(values: Tensor) -> Tensor:
    """Cut B x H x W into blocks, B x blocks x 16 x 16."""
    return values.unfold(1, BLOCK_SIDE, BLOCK_SIDE).unfold(2, BLOCK_SIDE, BLOCK_SIDE).flatten(1, 2)


def _blocky(blocks: Tensor) -> Tensor:
    """Tell which blocks have a flat segment in an edge."""
    edges = torch.stack((blocks[..., 0, :], blocks[..., -1, :], blocks[..., :, 0], blocks[..., :, -1]), dim=2)
    return (edges.unfold(3, SEGMENT, 1).std(dim=4) < FLAT).any(dim=3).any(dim=2)


def _noisy(blocks: Tensor, deviation: Tensor) -> Tensor:
    """Tell which blocks are noisy: the ratio of the middle's deviation to the surround's is near the whole block's."""
    first, second = BLOCK_SIDE // 2 - 1, BLOCK_SIDE // 2
    middle = blocks[..., first : second + 1]
    # The published code removes the first column of the middle, and then the one that has moved to the second's number.
    kept = [column for column in range(BLOCK_SIDE) if column not in (first, second + 1)]
    surround = blocks[..., kept]
    ratio = middle.flatten(2).std(dim=2) / surround.flatten(2).std(dim=2)
    ratio = torch.where(ratio.isnan(), 0.0, ratio)
    return deviation > 2 * (deviation - ratio).abs() / torch.maximum(deviation, ratio)
