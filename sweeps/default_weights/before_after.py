"""Make the picture at the top of the README: photographs that no training saw, as they are and enhanced.

python sweeps/default_weights/before_after.py OUTPUT.jpg

Frames are rendered from the embedded photographs as the embedded sample is, and enhanced as ``zero_dce.enhance`` does
by default. The package's own weights were trained on other photographs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import zero_dce
from zero_dce.data.sample import PHOTOGRAPHS, photograph
from zero_dce.images.light import srgb_to_linear
from zero_dce.images.sheets import BACKGROUND, GAP, save_picture
from zero_dce.terminal import errors_as_messages

# Each photograph with its exposure in stops: two dark ones, one much too dark, one well exposed and one over-exposed.
FRAMES = (("peaks.jpg", -3.0), ("coffee.jpg", -4.0), ("pagoda.jpg", -3.5), ("cat.jpg", 0.0), ("meadow.jpg", 1.0))
CELL = (300, 225)


def main(output: Path) -> None:
    """Write frames above and their enhancements below."""
    width = len(FRAMES) * (CELL[0] + GAP) - GAP
    sheet = Image.new("RGB", (width, 2 * CELL[1] + GAP), BACKGROUND)
    for column, (name, ev) in enumerate(FRAMES):
        frame = render(name, ev, column)
        for row, picture in enumerate((frame, zero_dce.enhance(frame))):
            cell = ImageOps.fit(picture, CELL, Image.Resampling.LANCZOS)
            sheet.paste(cell, (column * (CELL[0] + GAP), row * (CELL[1] + GAP)))
    save_picture(sheet, output, quality=88)


def render(name: str, ev: float, seed: int) -> Image.Image:
    """Return an embedded photograph at another exposure, with the noise of a sensor."""
    with Image.open(PHOTOGRAPHS / name) as file:
        light = srgb_to_linear(np.asarray(file.convert("RGB")))
    return Image.fromarray(photograph(light, ev, np.random.default_rng(seed)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with errors_as_messages():
        main(Path(sys.argv[1]))
