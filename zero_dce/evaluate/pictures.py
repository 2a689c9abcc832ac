"""The pictures that are measured: which ones, their references, and their pixels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from zero_dce.data.index import find_folder, read_pairs_file
from zero_dce.images.capacity import check_capacity
from zero_dce.images.decode import Pixels, decode, within

# The network's feature maps of a whole picture take 1.3 GB per million pixels.
MOST_PIXELS = 4_000_000


@dataclass(frozen=True)
class Pair:
    """A picture, and its reference where there is one: the files, and as names their paths below the given folder."""

    name: str
    image: Path
    reference_name: str | None = None
    reference: Path | None = None


def listed_pairs(file: Path, root: Path) -> list[Pair]:
    """Return the pairs of a CSV file with the columns ``low`` and ``reference``, paths below the root.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is wrong, empty, or names a file that does not exist.
    """
    pairs = read_pairs_file(file, root)
    if not pairs:
        raise ValueError(f"{file} lists no pictures: there is nothing to measure")
    return [Pair(low, root / low, reference, root / reference) for low, reference in pairs.items()]


def match_folders(low: Path, high: Path) -> list[Pair]:
    """Match the pictures of two folders by name; their suffixes may differ.

    Raises:
        FileNotFoundError: if a folder is missing or without images.
        ValueError: if a picture has no partner, or two; the message names it.
    """
    dark, bright = _by_name(low), _by_name(high)
    for here, there, folder in ((dark, bright, high), (bright, dark, low)):
        alone = [path for name, path in here.items() if name not in there]
        if alone:
            raise ValueError(
                f"{len(alone)} pictures have no partner of the same name in {folder}, among them {alone[0]}: "
                "add it, or take the picture out"
            )
    return [Pair(path, low / path, bright[name], high / bright[name]) for name, path in dark.items()]


def find_images(folder: Path) -> list[Pair]:
    """Return the pictures of a folder, without references.

    Raises:
        FileNotFoundError: if the folder is missing or without images.
    """
    return [Pair(entry.path, folder / entry.path) for entry in find_folder(folder).entries]


def check_sizes(pairs: Sequence[Pair], longest: int | None) -> None:
    """Raise ValueError unless every picture, shrunk to ``longest``, has at most 4 megapixels.

    Only the files' headers are read, before anything is measured.
    """
    for pair in pairs:
        try:
            with pair.image.open("rb") as stream:
                check_capacity(stream)
                width, height = _target(longest, *Image.open(stream).size)
        except (OSError, ValueError, SyntaxError):
            # Decoding the file later reports what is wrong with it.
            continue
        if width * height > MOST_PIXELS:
            enough = math.isqrt(MOST_PIXELS * max(width, height) // min(width, height)) // 100 * 100
            raise ValueError(
                f"{pair.image} has {width} x {height} pixels: it is enhanced as a whole, in 1.3 GB of memory a "
                f"megapixel, and more than {MOST_PIXELS / 1e6:.0f} megapixels are refused. Measure all pictures "
                f"smaller, with --longest {enough}"
            )


def read_pair(pair: Pair, longest: int | None) -> tuple[Pixels, Pixels | None]:
    """Decode a picture and its reference, uint8 H x W x 3.

    Args:
        pair: the files.
        longest: the longer side is shrunk to at most this many pixels; ``None`` keeps the size.

    Raises:
        ImageReadError: if a file cannot be read.
        ValueError: if the picture and its reference have different sizes.
    """
    pixels = _read(pair.image, longest)
    reference = None if pair.reference is None else _read(pair.reference, longest)
    if reference is not None and reference.shape != pixels.shape:
        raise ValueError(
            f"{pair.image} is {_size(pixels)} pixels and its reference {pair.reference} {_size(reference)}: "
            "they must show the same, pixel by pixel"
        )
    return pixels, reference


def fingerprint_pairs(pairs: Sequence[Pair]) -> str:
    """Return a hash of the names and sizes of all files."""
    digest = hashlib.sha256()
    for pair in pairs:
        for name, file in ((pair.name, pair.image), (pair.reference_name, pair.reference)):
            if file is not None:
                digest.update(f"{name}\0{file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _by_name(folder: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    for entry in find_folder(folder).entries:
        name = PurePosixPath(entry.path).with_suffix("").as_posix()
        if names.setdefault(name, entry.path) != entry.path:
            raise ValueError(f"{folder} has {names[name]} and {entry.path}: the pictures are matched by this name")
    return names


def _read(file: Path, longest: int | None) -> Pixels:
    return decode(file, partial(_target, longest)).pixels


def _target(longest: int | None, width: int, height: int) -> tuple[int, int]:
    return (width, height) if longest is None else within(longest)(width, height)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
