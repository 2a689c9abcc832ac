"""Pictures for people: pictures side by side, captions, contact sheets, and their files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from zero_dce.files import write_file
from zero_dce.images.decode import Pixels

if TYPE_CHECKING:
    from torch import Tensor

# Photographs are judged on neutral grey.
BACKGROUND = (64, 64, 64)
FOREGROUND = (230, 230, 230)
GAP = 8
LABEL_HEIGHT = 22


def to_pixels(image: Tensor) -> Pixels:
    """Round one image, 3 x H x W in [0, 1], to uint8 H x W x 3."""
    rounded = (image.detach().float().clamp(0, 1) * 255).round().byte()
    return np.ascontiguousarray(rounded.permute(1, 2, 0).cpu().numpy())


def to_image(pixels: Pixels) -> Tensor:
    """Turn uint8 H x W x 3 into one image, 3 x H x W float32 in [0, 1]."""
    # Enhancing uses this module without torch, whose import takes seconds.
    import torch

    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def side_by_side(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put two pictures of one height and type, H x W x 3, beside each other with a grey gap.

    They are of uint8, uint16, or float32 in [0, 1].
    """
    white = 1 if left.dtype.kind == "f" else np.iinfo(left.dtype).max
    grey = (np.array(BACKGROUND) * (white / 255)).astype(left.dtype)
    gap = np.broadcast_to(grey, (left.shape[0], GAP, 3))
    return np.concatenate((left, gap, right), axis=1)


def save_picture(image: Image.Image, file: Path, **options: Any) -> None:
    """Write a picture, whole or not at all, in the format that the file's name ends in; ``options`` are Pillow's.

    Raises:
        OSError: if it cannot be written, as on a full disk; it names the file.
    """
    stream = io.BytesIO()
    image.save(stream, Image.registered_extensions()[file.suffix.lower()], **options)
    write_file(file, stream.getbuffer())


def contact_sheet(rows: Sequence[tuple[str, Sequence[Pixels]]], cell: int = 192) -> Image.Image:
    """Lay out pictures on an RGB sheet, in labelled rows on grey, each in the middle of a square cell.

    Args:
        rows: a label and the pictures of each row, uint8 H x W x 3, no side longer than ``cell``.
        cell: side of a cell in pixels.
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
