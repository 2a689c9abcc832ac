"""The images of one side of a split as a map-style data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from zero_dce.data.decode import decode_square


class PictureDataset(Dataset[dict[str, Any]]):
    """Square images, with their references where asked for.

    An item is a mapping with ``image`` (uint8, 3 x size x size) and ``path`` (relative to the root); with
    ``references`` given also ``reference`` (like ``image``, black where there is none) and ``has_reference``.

    Args:
        root: folder that the paths are relative to.
        paths: the images.
        size: side of the square.
        references: from path to the path of its reference; ``None`` for items without references.
    """

    def __init__(
        self, root: Path, paths: Sequence[str], size: int, references: Mapping[str, str] | None = None
    ) -> None:
        self.root, self.paths, self.size, self.references = root, list(paths), size, references

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Decode one image."""
        path = self.paths[index]
        item: dict[str, Any] = {"image": self._pixels(path), "path": path}
        if self.references is not None:
            reference = self.references.get(path)
            item["has_reference"] = reference is not None
            item["reference"] = torch.zeros_like(item["image"]) if reference is None else self._pixels(reference)
        return item

    def _pixels(self, path: str) -> Tensor:
        return torch.from_numpy(decode_square(self.root / path, self.size).copy()).permute(2, 0, 1)
