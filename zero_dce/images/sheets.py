"""Pictures for people: sample pictures side by side, captions, and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from zero_dce.images.decode import Pixels

# Photographs are judged on neutral grey.
BACKGROUND = (64, 64, 64)
FOREGROUND = (230, 230, 230)
GAP = 8
LABEL_HEIGHT = 22


def to_pixels(image: Tensor) -> Pixels:
    """Round one image, 3 x H x W in [0, 1], to uint8 H x W x 3."""
    rounded = (image.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(rounded.permute(1, 2, 0).cpu().numpy())


def to_image(pixels: Pixels) -> Tensor:
    """Turn uint8 H x W x 3 into one image, 3 x H x W float32 in [0, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def side_by_side(left: Pixels, right: Pixels) -> Pixels:
    """Put two pictures of the same height beside each other, with a grey gap."""
    gap = np.full((left.shape[0], GAP, 3), BACKGROUND, dtype=np.uint8)
    return np.concatenate((left, gap, right), axis=1)


def contact_sheet(rows: Sequence[tuple[str, Sequence[Pixels]]], cell: int = 192) -> Image.Image:
    """Lay out pictures in labelled rows on grey, each in the middle of a square cell.

    Args:
        rows: a label and the pictures of each row, uint8 H x W x 3, no side longer than ``cell``.
        cell: side of a cell in pixels.

    Returns:
        An RGB picture.
    """
    heights = [LABEL_HEIGHT + max((len(picture) for picture in pictures), default=0) + GAP for _, pictures in rows]
    columns = max(len(pictures) for _, pictures in rows)
    sheet = Image.new("RGB", (columns * (cell + GAP) + GAP, sum(heights) + GAP), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    top = 0
    for (label, pictures), height in zip(rows, heights, strict=True):
        draw.text((GAP, top + 4), label, fill=FOREGROUND, font=font)
        for column, picture in enumerate(pictures):
            left = GAP + column * (cell + GAP) + (cell - picture.shape[1]) // 2
            sheet.paste(Image.fromarray(picture), (left, top + LABEL_HEIGHT))
        top += height
    return sheet
