"""One run as a page that follows it needs it: read again only where its files have changed."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from zero_dce.records.growing import GrowingRows
from zero_dce.records.run import CHECKPOINTS, HYDRA, METRICS, RESULT, SAMPLES
from zero_dce.review.cells import Cell, CellReader
from zero_dce.review.collect import PictureFiles, ReviewedRun, ReviewPlan
from zero_dce.review.report import describe_run

# What a run writes; the folder of each step's pictures joins them. A folder changes with each file that gets its name.
WRITTEN = (METRICS, RESULT, f"{HYDRA}/config.yaml", f"{HYDRA}/overrides.yaml", CHECKPOINTS, SAMPLES)
# Two changes within one tick of a file system's clock look like one, so what has just changed is read once more.
SETTLED_NS = 2_000_000_000
BEING_READ = {"broken": "this picture is being read"}
# Time of change in nanoseconds, size in bytes, inode; None where there is no file.
FileMark = tuple[int, int, int] | None


class WatchedRun:
    """A run, and what was last read of it.

    Args:
        number: the run's number in its sweep.
        folder: its folder.
        root: pictures outside of this folder, to which links may lead, are left out.
        reader: reads pictures.

    Attributes:
        run: what was read; ``None`` before the first :meth:`look`.
    """

    def __init__(self, number: int, folder: Path, root: Path, reader: CellReader) -> None:
        self.number, self.folder = number, folder
        self.run: ReviewedRun | None = None
        self._root, self._reader = root, reader
        self._rows = GrowingRows(folder)
        self._mark: object = None
        self._cells: dict[tuple[int, str], tuple[object, Cell]] = {}
        self._files: dict[str, Path] = {}
        self._content: dict[str, Any] | None = None

    def look(self, plan: ReviewPlan) -> bool:
        """Read the run, without its pictures, if it may have changed; return whether it was read.

        Raises:
            ValueError: if a file holds something else than is written to it, or the run lies outside of the sweep's
                folder; the message names the file.
        """
        mark = (plan.point(self.number), *map(file_mark, self._written()))
        if mark == self._mark:
            return False
        self._mark = None
        if not _is_inside(self.folder, self._root):
            raise ValueError(f"run {self.number} is not shown: {self.folder} leads out of {self._root}")
        run = plan.read(self.number, self._rows.read())
        pictures = {step: list(self._inside(found)) for step, found in run.pictures.items()}
        self.run = replace(run, pictures=pictures)
        self._files = {
            file.relative_to(self.folder).as_posix(): file
            for _, picture in self._pictures()
            for file in picture.files.values()
        }
        if _newest(mark) < time.time_ns() - SETTLED_NS:
            self._mark = mark
        self._content = None
        return True

    def read_pictures(self) -> bool:
        """Make the cells of pictures that are new or have changed; return whether any came or went."""
        run = self.run
        if run is None:
            return False
        marks = {(step, picture.number): _mark_picture(run, picture) for step, picture in self._pictures()}
        cells = {place: known for place, known in self._cells.items() if known[0] == marks.get(place)}
        new = [(step, picture) for step, picture in self._pictures() if (step, picture.number) not in cells]
        for step, picture in new:
            mark = marks[step, picture.number]
            cells[step, picture.number] = (mark, _with_version(self._reader.read_cell(run, step, picture), mark))
        changed = bool(new) or cells.keys() != self._cells.keys()
        self._cells = cells
        if changed:
            self._content = None
        if any("broken" in cell.content for _, cell in cells.values()):
            # It may be completed without a sign on its folder.
            self._mark = None
        return changed

    def describe(self, pareto: bool | None, single: bool) -> dict[str, Any]:
        """Return what the page reads of the run; pictures that were not made into cells yet say so."""
        if self._content is None and self.run is not None:
            self._content = describe_run(self.run, self._shown(), single)
        return {**(self._content or {}), "pareto": pareto}

    def thumbnail(self, step: int, number: str) -> bytes | None:
        """Return a picture's thumbnail as WebP; ``None`` where there is none."""
        _, cell = self._cells.get((step, number), (None, None))
        return base64.b64decode(cell.thumbnail) if cell and cell.thumbnail else None

    def picture(self, name: str) -> Path | None:
        """Return a sample picture's file by its path in the run's folder; ``None`` where the page shows no such one."""
        file = self._files.get(name)
        return file if file and _is_inside(file, self._root) else None

    def _written(self) -> Iterator[Path]:
        yield from (self.folder / name for name in WRITTEN)
        yield from sorted((self.folder / SAMPLES).glob("step-*"))

    def _inside(self, pictures: Iterable[PictureFiles]) -> Iterator[PictureFiles]:
        for picture in pictures:
            files = {side: file for side, file in picture.files.items() if _is_inside(file, self._root)}
            if "output" in files:
                yield PictureFiles(picture.number, files)

    def _pictures(self) -> Iterator[tuple[int, PictureFiles]]:
        if self.run is not None:
            for step, pictures in self.run.pictures.items():
                yield from ((step, picture) for picture in pictures)

    def _shown(self) -> Iterator[Cell]:
        for step, picture in self._pictures():
            _, cell = self._cells.get((step, picture.number), (None, None))
            yield cell or Cell(self.number, step, picture.number, BEING_READ)


def file_mark(file: Path) -> FileMark:
    """Return what tells that a file or folder has changed; ``None`` where there is none."""
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _mark_picture(run: ReviewedRun, picture: PictureFiles) -> tuple[Any, ...]:
    """Return what tells that a picture has changed, or is judged by another exposure level."""
    return (run.target, *((side, file_mark(file)) for side, file in picture.files.items()))


def _newest(mark: tuple[Any, ...]) -> int:
    return max((part[0] for part in mark[1:] if part), default=0)


def _with_version(cell: Cell, mark: tuple[Any, ...]) -> Cell:
    """Say in a cell's content which version of its picture it is, for the addresses that a browser keeps."""
    version = max((part[0] for _, part in mark[1:] if part), default=0)
    return replace(cell, content={**cell.content, "version": f"{version:x}"})


def _is_inside(file: Path, root: Path) -> bool:
    return file.resolve().is_relative_to(root)
