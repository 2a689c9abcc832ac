"""How a picture is brought to the size of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zero_dce.data.decode import Decoded, decode, scale_sides

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
