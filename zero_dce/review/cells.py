"""What the page shows of saved pictures: a thumbnail, flags, sizes."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zero_dce.exposure.search import ev_to_reach
from zero_dce.exposure.suited import EXPOSED_MEAN
from zero_dce.images.capacity import check_capacity
from zero_dce.images.decode import Pixels
from zero_dce.records.run import CAPTION
from zero_dce.review.collect import PictureFiles, ReviewedRun
from zero_dce.review.flags import PictureValues, find_flags, picture_values
from zero_dce.terminal import progress_bar

# The longer side of a thumbnail in pixels, and WebP's quality: 3 to 6 kB, without visible blocks at this size.
THUMBNAIL_SIDE = 192
THUMBNAIL_QUALITY = 80
# WebP's effort, 0 to 6: with 3 it takes twice as long for files that are 4 % smaller.
THUMBNAIL_EFFORT = 2
# The page makes a filter for each exposure that occurs. Half a step moves no value by more than one level of 255.
EV_STEP = 0.02
# Pillow raises these for a file that is still being written, or damaged.
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


@dataclass
class Cell:
    """One picture of one run at one step, as the page gets it; ``run`` and ``number`` are the run's and its own.

    Attributes:
        content: what the page is told; only ``{"broken": ...}`` where the output cannot be read.
        thumbnail: WebP in base64; empty where the output cannot be read.
    """

    run: int
    step: int
    number: str
    content: dict[str, Any] = field(default_factory=dict)
    thumbnail: str = ""


class CellReader:
    """Reads pictures of runs; inputs repeat from run to run, and each is measured once."""

    def __init__(self) -> None:
        self._inputs: dict[bytes, PictureValues] = {}

    def read(self, runs: Iterable[ReviewedRun]) -> Iterator[Cell]:
        """Return all cells, by run, step and picture; threads read them, and a bar shows the progress."""
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as threads:
            reading = []
            for run in runs:
                for step, pictures in run.pictures.items():
                    reading += [threads.submit(self.read_cell, run, step, picture) for picture in pictures]
            for cell in progress_bar(iterable=reading, desc="report", unit="picture", delay=1):
                yield cell.result()

    def read_cell(self, run: ReviewedRun, step: int, picture: PictureFiles) -> Cell:
        """Return one cell."""
        cell = Cell(run.number, step, picture.number)
        try:
            output = SavedPicture(picture.files["output"])
            cell.thumbnail = output.thumbnail()
            height, width = output.pixels.shape[:2]
        except UNREADABLE:
            cell.content = {"broken": "this picture is being written, or damaged"}
            return cell
        cell.content = {
            "size": [width, height],
            "name": _picture_name(output.caption),
            "ev": equal_ev(output.pixels),
            "flags": self._flags(picture, output, run.target),
            "sides": list(picture.files),
        }
        return cell

    def _flags(self, picture: PictureFiles, output: SavedPicture, target: float) -> list[dict[str, str]]:
        try:
            before = self._measure_input(picture.files["input"])
        except (KeyError, *UNREADABLE):
            return []
        return find_flags(before, picture_values(output.pixels), target)

    def _measure_input(self, file: Path) -> PictureValues:
        content = file.read_bytes()
        if content not in self._inputs:
            self._inputs[content] = picture_values(SavedPicture(file).pixels)
        return self._inputs[content]


class SavedPicture:
    """A sample picture, decoded once; a file that cannot be read raises one of ``UNREADABLE``.

    Attributes:
        caption: the text that was saved with it.
        pixels: uint8, H x W x 3.
    """

    def __init__(self, file: Path) -> None:
        with file.open("rb") as stream:
            check_capacity(stream)
            image = Image.open(stream)
            self.caption = str(image.info.get(CAPTION, ""))
            self._image = image.convert("RGB")
        self.pixels: Pixels = np.asarray(self._image)

    def thumbnail(self) -> str:
        """Return the picture with sides of at most ``THUMBNAIL_SIDE`` pixels, as WebP in base64."""
        small = self._image.copy()
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        small.save(stream, "WEBP", quality=THUMBNAIL_QUALITY, method=THUMBNAIL_EFFORT)
        return base64.b64encode(stream.getvalue()).decode("ascii")


def equal_ev(pixels: Pixels) -> float:
    """Return by how many stops to expose a picture so that its mean is ``EXPOSED_MEAN``, to within half ``EV_STEP``.

    Args:
        pixels: uint8, H x W x 3.

    Returns:
        The range is [-8, 8]; its end where the mean cannot be reached, as from a black picture, which stays black.
    """
    image = np.float32(pixels.transpose(2, 0, 1)[None]) / 255
    ev = float(ev_to_reach(image, EXPOSED_MEAN).item())
    return round(round(ev / EV_STEP) * EV_STEP, 2)


def _picture_name(caption: str) -> str:
    """Return the photograph's path from ``step 300 · path · brightness 0.1 → 0.5``; empty where there is none."""
    return caption.partition(" · ")[2].rpartition(" · ")[0]
