"""The files that a person gets for a picture: the enhanced one, a comparison, the curve maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zero_dce.enhance.canvas import Canvas, PillowCanvas
from zero_dce.enhance.formats import Photograph, save_photograph, turn_upright, upright
from zero_dce.enhance.reduce import reduce_canvas
from zero_dce.files import atomic

# The longest side of a comparison's halves: what a screen shows.
COMPARED = 2048
GAP = 8
# Photographs are judged on neutral grey.
GREY = 64 / 255


@dataclass(frozen=True)
class Extras:
    """What is written beside the enhanced picture, and how.

    Attributes:
        compare: also ``NAME_compare``, input and output side by side, each at most 2,048 pixels long.
        maps: also ``NAME_curves.png``, the mean of the curve maps.
        quality: of JPEG and lossy WebP, 1 to 100.
    """

    compare: bool = False
    maps: bool = False
    quality: int = 95

    def files(self, output: Path) -> list[Path]:
        """Return all files that are written for an output."""
        compared, maps = output.with_stem(f"{output.stem}_compare"), output.with_name(f"{output.stem}_curves.png")
        return [output, *[compared] * self.compare, *[maps] * self.maps]


def blank_map(picture: Photograph) -> PillowCanvas:
    """Give a picture for the mean of a picture's curve maps."""
    return PillowCanvas(Image.new("RGB", (picture.width, picture.height)))


def save_results(
    picture: Photograph, enhanced: Canvas, maps: PillowCanvas | None, output: Path, extras: Extras
) -> None:
    """Write everything that belongs to a picture; each file whole or not at all.

    Raises:
        OSError: if a file cannot be written.
        ValueError: if the format cannot hold a picture of this size.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    # The enhanced picture last: where it is, all is.
    if extras.compare:
        both = side_by_side(picture, enhanced)
        save_photograph(upright(picture), both, extras.files(output)[1], extras.quality)
    if maps is not None:
        image = turn_upright(picture, maps)
        assert isinstance(image, PillowCanvas)
        with atomic(extras.files(output)[-1]) as unfinished:
            image.image.save(unfinished, format="PNG")
    save_photograph(picture, enhanced, output, extras.quality)


def side_by_side(picture: Photograph, enhanced: Canvas) -> Canvas:
    """Put a picture and its result beside each other, upright, reduced to a screen's size, with a grey gap."""
    before, after = (turn_upright(picture, reduce_canvas(canvas, COMPARED)) for canvas in (picture.canvas, enhanced))
    both = before.blank((2 * before.width + GAP, before.height))
    for canvas, left in ((before, 0), (after, before.width + GAP)):
        box = (left, 0, left + canvas.width, canvas.height)
        both.write(box, canvas.read((0, 0, canvas.width, canvas.height)))
    levels = np.iinfo(before.dtype).max
    gap = np.full((before.height, GAP, 3), round(GREY * levels), before.dtype)
    both.write((before.width, 0, before.width + GAP, before.height), gap)
    return both
