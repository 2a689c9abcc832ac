"""The images of one side of a split as a data set, and how a picture is brought to the size of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from zero_dce.data.augment import Augmentation, cut
from zero_dce.images.decode import Decoded, decode, scale_sides

# Longer pictures would take more memory than all others, to be cut away.
LONGEST = 8


@dataclass(frozen=True)
class Fit:
    """Squash to a square, or keep proportions with room for a crop.

    Attributes:
        size: side of the training's square.
        crop: ``None`` squashes to the square, as the released code does; else the shorter side becomes this many times
            ``size``, at least 1, and a square is cut out later.
    """

    size: int
    crop: float | None = None

    def __call__(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height that a picture is brought to.

        Raises:
            ValueError: if it is too long and thin to be cropped.
        """
        if self.crop is None:
            return self.size, self.size
        if max(width, height) > LONGEST * min(width, height):
            raise ValueError(f"{width} x {height} pixels, too long for data.augment.crop: at most {LONGEST} to 1")
        return scale_sides(width, height, round(self.crop * self.size) / min(width, height))

    def read(self, path: Path) -> Decoded:
        """Decode a file so.

        Raises:
            ImageReadError: if it is missing, truncated or no image.
        """
        return decode(path, self)


# From a path to its picture, uint8 H x W x 3.
Pictures = Callable[[str], Tensor]


class DecodingPictures:
    """Decode a picture whenever it is asked for.

    Args:
        root: folder that paths are relative to.
        fit: how pictures are resized.
    """

    def __init__(self, root: Path, fit: Fit) -> None:
        self.root, self.fit = root, fit

    def __call__(self, path: str) -> Tensor:
        """Return the picture, uint8 H x W x 3."""
        return torch.from_numpy(self.fit.read(self.root / path).pixels.copy())


class PictureDataset(Dataset[dict[str, Any]]):
    """Whole batches of square images, with their references where asked for.

    A batch is a mapping with ``image`` (uint8, B x 3 x size x size) and ``path`` (B strings, relative to the root);
    with ``references`` given also ``reference`` (like ``image``, black where there is none) and ``has_reference``
    (B booleans).

    Args:
        pictures: from a path to its pixels.
        paths: the images.
        size: side of the square.
        references: from path to the path of its reference; ``None`` for batches without references.
        augmentation: random changes; ``None`` cuts the middle out of what is not square.
        seed: of the changes.
    """

    def __init__(
        self,
        pictures: Pictures,
        paths: Sequence[str],
        size: int,
        references: Mapping[str, str] | None = None,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        self.pictures, self.paths, self.size = pictures, list(paths), size
        self.references, self.augmentation, self.seed = references, augmentation, seed

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def __getitem__(self, draw: tuple[int, int]) -> dict[str, Any]:
        """Return a batch of one image."""
        return self.__getitems__([draw])

    def __getitems__(self, draws: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """Return the batch of these (epoch, index)."""
        paths = [self.paths[index] for _, index in draws]
        images = [self._image(epoch, index) for epoch, index in draws]
        batch = {"image": _stack(images), "path": paths}
        if self.references is not None:
            references = [self.references.get(path) for path in paths]
            batch["has_reference"] = torch.tensor([reference is not None for reference in references])
            batch["reference"] = _stack(
                [
                    torch.zeros_like(image) if reference is None else cut(self.pictures(reference), self.size)
                    for image, reference in zip(images, references, strict=True)
                ]
            )
        return batch

    def _image(self, epoch: int, index: int) -> Tensor:
        picture = self.pictures(self.paths[index])
        if self.augmentation is None:
            return cut(picture, self.size)
        return self.augmentation(picture, self.size, (self.seed, epoch, index))


def _stack(pictures: Sequence[Tensor]) -> Tensor:
    """From pictures H x W x 3 to B x 3 x H x W, in the layout channels_last: their bytes stay as they are."""
    return torch.stack(list(pictures)).permute(0, 3, 1, 2)
