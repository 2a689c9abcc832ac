"""From saved pictures to what the page shows of them: a thumbnail, flags, sizes."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zero_dce.images.decode import Pixels
from zero_dce.records.run import CAPTION
from zero_dce.review.collect import Picture, Run, Sweep
from zero_dce.review.flags import Values, find_flags, picture_values
from zero_dce.terminal import progress_bar

# Longer side of a thumbnail in pixels, and WebP's quality: 3 to 6 kB, without visible blocks at this size.
THUMBNAIL = 192
QUALITY = 80
# WebP's effort, 0 to 6: 3 takes twice as long for files 4 % smaller.
EFFORT = 2
# What Pillow raises for a file that is still being written, or damaged.
UNREADABLE = (OSError, SyntaxError, ValueError)


@dataclass
class Cell:
    """One picture of one run at one step, as the page gets it.

    Attributes:
        run: the run's number.
        step: the training step.
        number: which picture.
        content: what the page is told; only ``{"broken": ...}`` where the output cannot be read.
        thumbnail: WebP in base64; empty where the output cannot be read.
    """

    run: int
    step: int
    number: str
    content: dict[str, Any] = field(default_factory=dict)
    thumbnail: str = ""


class CellReader:
    """Reads a sweep's pictures, in threads; inputs repeat from run to run and are measured once."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self._inputs: dict[bytes, Values] = {}

    def read(self) -> Iterator[Cell]:
        """Return all cells, by run, step and picture; a bar shows how far it is."""
        jobs = [
            (run, step, picture)
            for run in self.sweep.runs
            for step, pictures in run.pictures.items()
            for picture in pictures
        ]
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as threads:
            cells = threads.map(lambda job: self._read_cell(*job), jobs)
            yield from progress_bar(iterable=cells, total=len(jobs), desc="report", unit="picture", delay=1)

    def _read_cell(self, run: Run, step: int, picture: Picture) -> Cell:
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
            "flags": self._flags(picture, output, run.target),
            "sides": list(picture.files),
        }
        return cell

    def _flags(self, picture: Picture, output: SavedPicture, target: float) -> list[dict[str, str]]:
        try:
            before = self._measure_input(picture.files["input"])
        except (KeyError, *UNREADABLE):
            return []
        return find_flags(before, picture_values(output.pixels), target)

    def _measure_input(self, file: Path) -> Values:
        content = file.read_bytes()
        if content not in self._inputs:
            self._inputs[content] = picture_values(SavedPicture(file).pixels)
        return self._inputs[content]


class SavedPicture:
    """A sample picture's file, decoded once.

    Raises:
        OSError, SyntaxError, ValueError: if it cannot be read.
    """

    def __init__(self, file: Path) -> None:
        with Image.open(file) as image:
            self.caption = str(image.info.get(CAPTION, ""))
            self.image = image.convert("RGB")

    @cached_property
    def pixels(self) -> Pixels:
        """All pixels, uint8 H x W x 3."""
        return np.asarray(self.image)

    def thumbnail(self) -> str:
        """The picture within ``THUMBNAIL`` pixels, as WebP in base64."""
        small = self.image.copy()
        small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        small.save(stream, "WEBP", quality=QUALITY, method=EFFORT)
        return base64.b64encode(stream.getvalue()).decode("ascii")


def _picture_name(caption: str) -> str:
    """Return the photograph's path from ``step 300 · path · brightness 0.1 → 0.5``; empty where there is none."""
    return caption.partition(" · ")[2].rpartition(" · ")[0]
