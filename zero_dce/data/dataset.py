"""The images of one side of a split as a data set, and how a picture is resized for training."""

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

# Crops refuse longer pictures: most of their pixels would be kept in memory only to be cut away.
LONGEST = 8
# Part of the seed of a new exposure, so that it does not follow the draws of flips and crops.
REEXPOSED = 1


@dataclass(frozen=True)
class Fit:
    """How pictures are resized: squashed to a square, or in proportion with room for a crop.

    Attributes:
        size: side of the square that the network is trained on.
        crop: ``None`` squashes to the square, as the released code does; with a number of at least 1 the shorter side
            becomes this many times ``size``, and a square is cut out later.
    """

    size: int
    crop: float | None = None

    def __call__(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height that a picture is resized to.

        Raises:
            ValueError: if it is too long and thin to be cropped.
        """
        if self.crop is None:
            return self.size, self.size
        if max(width, height) > LONGEST * min(width, height):
            raise ValueError(f"{width} x {height} pixels, too long for data.augment.crop: at most {LONGEST} to 1")
        return scale_sides(width, height, round(self.crop * self.size) / min(width, height))

    def read(self, path: Path) -> Decoded:
        """Decode a file at this size; errors are those of :func:`zero_dce.images.decode.decode`."""
        return decode(path, self)


# A function from a path to its picture, uint8 H x W x 3.
Pictures = Callable[[str], Tensor]


@dataclass(frozen=True)
class DecodingPictures:
    """Decode a picture, resized by ``fit``, whenever it is asked for; paths are relative to ``root``."""

    root: Path
    fit: Fit

    def __call__(self, path: str) -> Tensor:
        """Return the picture, uint8 H x W x 3."""
        return torch.from_numpy(self.fit.read(self.root / path).pixels.copy())


class PictureDataset(Dataset[dict[str, Any]]):
    """Whole batches of square images, with their references where asked for.

    A batch is a mapping with ``image`` (uint8, B x 3 x size x size) and ``path`` (B strings, relative to the root);
    where the augmentation restores also ``clean``, the image before it was exposed anew;
    with ``references`` given also ``reference`` (like ``image``, black where there is none) and ``has_reference``
    (B booleans).

    Args:
        pictures: a function from a path to its picture.
        paths: the images.
        size: side of the square.
        references: from path to the path of its reference; ``None`` for batches without references.
        augmentation: random changes; ``None`` cuts the middle out of a picture that is not square.
        seed: seed of the changes.
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
        """Return the batch of these pairs (epoch, index)."""
        paths = [self.paths[index] for _, index in draws]
        images = self._images(draws)
        batch = {"image": _planes(images), "path": paths}
        if self.augmentation is not None and self.augmentation.restore:
            # Imported here because most runs do not need it.
            from zero_dce.data.reexposure import expose_again

            seeds = [(self.seed, *draw, REEXPOSED) for draw in draws]
            batch |= {"image": _planes(expose_again(images, seeds)), "clean": _planes(images)}
        if self.references is not None:
            batch["has_reference"] = torch.tensor([path in self.references for path in paths])
            # Images without a reference get a black one, on the image's device.
            references = [*torch.zeros_like(images)]
            for number, path in enumerate(paths):
                if path in self.references:
                    references[number] = cut(self.pictures(self.references[path]), self.size)
            batch["reference"] = _planes(torch.stack(references))
        return batch

    def _images(self, draws: Sequence[tuple[int, int]]) -> Tensor:
        pictures = [self.pictures(self.paths[index]) for _, index in draws]
        if self.augmentation is None:
            return torch.stack([cut(picture, self.size) for picture in pictures])
        return self.augmentation(pictures, self.size, [(self.seed, *draw) for draw in draws])


def _planes(pictures: Tensor) -> Tensor:
    """Return pictures B x H x W x 3 as B x 3 x H x W in the layout channels_last, which leaves their bytes in order."""
    return pictures.permute(0, 3, 1, 2)
