"""The pictures that are measured: which ones, their references, and their pixels."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from zero_dce.data.index import find_folder, read_pairs_file
from zero_dce.images.decode import Pixels, decode, header_size, within
from zero_dce.terminal import progress_bar, tell

# The network's feature maps of a whole picture take 1.3 GB per million pixels.
MOST_PIXELS = 4_000_000
# What pictures are resized to: a longer side of at most so many pixels; width and height exactly, which are those of
# landscape pictures, and the other way round of upright ones; or nothing.
MeasuredSize = int | tuple[int, int] | None


@dataclass(frozen=True)
class Pair:
    """A picture, and its reference where there is one: the files, and as names their paths below the given folder."""

    name: str
    image: Path
    reference_name: str | None = None
    reference: Path | None = None


@dataclass(frozen=True)
class LeftOut:
    """What is not measured: the names as in :class:`Pair`, and the reason."""

    image: str
    reference: str | None
    reason: str

    def __str__(self) -> str:
        return f"{self.image}: {self.reason}"


@dataclass
class PictureSet:
    """The pictures to measure, all with or all without a reference.

    Attributes:
        pairs: those that are measured. One that turns out to be unusable is taken out, so that each method is measured
            on the same pictures.
        paired_by: how references were found where no file lists them.
        left_out: those that were taken out.
    """

    pairs: list[Pair]
    paired_by: str | None = None
    left_out: list[LeftOut] = field(default_factory=list)

    def has_references(self) -> bool:
        """Tell whether there are references."""
        return self.pairs[0].reference is not None

    def read(self, size: MeasuredSize, least_side: int, doing: str) -> Iterator[tuple[Pair, Pixels, Pixels | None]]:
        """Decode all pictures one after the other, see :func:`read_pair`, beside a progress bar.

        A pair that cannot be used is left out from now on, and the log says so.

        Args:
            size: as :func:`read_pair` takes it.
            least_side: as :func:`read_pair` takes it.
            doing: what the bar says.

        Raises:
            ValueError: if no pair can be used.
        """
        with progress_bar(total=len(self.pairs), desc=doing, unit="picture", delay=1) as bar:
            for pair in list(self.pairs):
                try:
                    pixels = read_pair(pair, size, least_side)
                except (ValueError, MemoryError) as error:
                    self._leave_out(pair, str(error))
                    # tqdm.write would draw the bar, which is not to be seen in the first second, and never finish it.
                    bar.clear()
                    tell(f"left out: {self.left_out[-1]}", file=sys.stderr)
                else:
                    yield pair, *pixels
                bar.update()

    def _leave_out(self, pair: Pair, reason: str) -> None:
        self.pairs.remove(pair)
        self.left_out.append(LeftOut(pair.name, pair.reference_name, reason))
        if not self.pairs:
            count = len(self.left_out)
            raise ValueError(f"none of the {count} pictures can be measured; the first is {self.left_out[0]}")


def listed_pairs(file: Path, root: Path) -> PictureSet:
    """Return the pairs of a CSV file with the columns ``low`` and ``reference``, paths from the root.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is wrong, empty, or names a file that does not exist.
    """
    pairs = read_pairs_file(file, root)
    if not pairs:
        raise ValueError(f"{file} lists no pictures: there is nothing to measure")
    return PictureSet([Pair(low, root / low, reference, root / reference) for low, reference in pairs.items()])


def find_images(folder: Path) -> PictureSet:
    """Return the pictures of a folder, without references.

    Raises:
        FileNotFoundError: if the folder is missing or without images.
        ValueError: if a folder in it cannot be listed.
    """
    return PictureSet([Pair(path, folder / path) for path in list_folder(folder)])


def list_folder(folder: Path, without: str | None = None) -> list[str]:
    """Return the paths of all images below a folder, relative to it and in natural order.

    Args:
        folder: the folder.
        without: a folder inside it whose images are not wanted, as a relative path.

    Raises:
        FileNotFoundError: if the folder is missing or without images.
        ValueError: if a folder in it cannot be listed.
    """
    index = find_folder(folder)
    for path, reason in index.unreadable.items():
        raise ValueError(f"{folder / path} cannot be searched for pictures: {reason}")
    for line in index.without_reader():
        tell(f"{folder}: {line}", file=sys.stderr)
    paths = [entry.path for entry in index.entries]
    if without is not None:
        paths = [path for path in paths if not PurePosixPath(path).is_relative_to(without)]
    if not paths:
        raise FileNotFoundError(f"{folder} has no images but those in its folder {without}, which is given as well")
    return paths


def check_sizes(pairs: Sequence[Pair], size: MeasuredSize) -> None:
    """Raise ValueError unless every picture, resized to ``size``, has at most 4 megapixels.

    Only the files' headers are read, before anything is measured.
    """
    for pair in pairs:
        try:
            width, height = _target(size, *header_size(pair.image))
        except Exception:
            # On a damaged header Pillow raises errors of many kinds. Decoding the file later says what is wrong.
            continue
        if width * height > MOST_PIXELS:
            enough = math.isqrt(MOST_PIXELS * max(width, height) // min(width, height)) // 100 * 100
            raise ValueError(
                f"{pair.image} has {width} x {height} pixels: it is enhanced as a whole, in 1.3 GB of memory a "
                f"megapixel, and more than {MOST_PIXELS / 1e6:.0f} megapixels are refused. Measure all pictures "
                f"smaller, with --longest {enough}"
            )


def read_pair(pair: Pair, size: MeasuredSize, least_side: int) -> tuple[Pixels, Pixels | None]:
    """Decode a picture and its reference, uint8 H x W x 3.

    Args:
        pair: the files.
        size: the longer side is shrunk to at most this many pixels, or both are squashed to a width and height;
            ``None`` keeps the size.
        least_side: the measures need this many pixels in width and height.

    Raises:
        ImageReadError: if a file cannot be read.
        ValueError: if the picture and its reference have different sizes, or are too small.
        MemoryError: if a picture does not fit in memory.
    """
    pixels = _read(pair.image, size)
    reference = None if pair.reference is None else _read(pair.reference, size)
    if reference is not None and reference.shape != pixels.shape:
        raise ValueError(
            f"{pair.image} is {_size(pixels)} pixels and its reference {pair.reference} {_size(reference)}: "
            "they must show the same, pixel by pixel"
        )
    if min(pixels.shape[:2]) < least_side:
        raise ValueError(f"{pair.image} is {_size(pixels)} pixels: the measures need at least {least_side} a side")
    return pixels, reference


def fingerprint_pairs(pairs: Sequence[Pair]) -> str:
    """Return a hash of the names and sizes of all files."""
    digest = hashlib.sha256()
    for pair in pairs:
        for name, file in ((pair.name, pair.image), (pair.reference_name, pair.reference)):
            if file is not None:
                digest.update(f"{name}\0{file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _read(file: Path, size: MeasuredSize) -> Pixels:
    return decode(file, partial(_target, size)).pixels


def _target(size: MeasuredSize, width: int, height: int) -> tuple[int, int]:
    if size is None:
        return width, height
    if isinstance(size, int):
        return within(size)(width, height)
    return (max(size), min(size)) if width >= height else (min(size), max(size))


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
