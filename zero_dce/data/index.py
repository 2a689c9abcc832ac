"""Which images a data set holds, and which of them have a reference."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

EXTENSIONS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
SICE_FOLDER = "Dataset_Part1"
PAIRS_FILE = "pairs.csv"


@dataclass(frozen=True)
class Entry:
    """One image: its path relative to the root, with forward slashes, and the scene it shows."""

    path: str
    scene: str


def find_sice(root: Path) -> list[Entry]:
    """List SICE Part1 as it comes: ``Dataset_Part1/<scene>/<n>.JPG``, in natural order.

    The root may be the folder above ``Dataset_Part1`` (also inside the zip's doubled folder) or that folder itself.
    The ``Label`` folder, which holds the published references, is left out.

    Raises:
        FileNotFoundError: if the root does not exist or holds no scenes; the message shows the layout.
    """
    _require_folder(root)
    base = root
    while (base / SICE_FOLDER).is_dir():
        base = base / SICE_FOLDER
    scenes = [folder for folder in base.iterdir() if folder.is_dir() and folder.name.lower() != "label"]
    entries = [
        Entry(file.relative_to(root).as_posix(), scene.name) for scene in scenes for file in _images(scene.iterdir())
    ]
    if not entries:
        raise FileNotFoundError(
            f"no SICE images in {root}: expected {SICE_FOLDER}/<scene>/<n>.JPG below it. "
            "For a folder of any other images use data=folder"
        )
    return sorted(entries, key=lambda entry: _natural(entry.path))


def find_folder(root: Path) -> list[Entry]:
    """List every image below a folder, in natural order; each image counts as a scene of its own.

    Pictures in the folders of runs and sweeps, should there be any below it, are results and no data.

    Raises:
        FileNotFoundError: if the folder does not exist or holds no images.
    """
    _require_folder(root)
    results = {mark.parent for name in (".hydra", "sweep.json") for mark in root.rglob(name)} | {*root.rglob("wandb")}
    files = [file for file in _images(root.rglob("*")) if not results.intersection(file.parents)]
    paths = [file.relative_to(root).as_posix() for file in files]
    if not paths:
        raise FileNotFoundError(f"no images in {root}: expected files ending in {', '.join(sorted(EXTENSIONS))}")
    return [Entry(path, scene=path) for path in sorted(paths, key=_natural)]


LAYOUTS = {"sice": find_sice, "folder": find_folder}


def read_pairs(root: Path) -> dict[str, str]:
    """Read ``pairs.csv`` below the root: which image (``low``) has which other one as ``reference``.

    Returns:
        From path to reference path, both relative to the root; empty without such a file.

    Raises:
        ValueError: if a column is missing or a file it names does not exist.
    """
    file = root / PAIRS_FILE
    if not file.is_file():
        return {}
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    if rows and not {"low", "reference"} <= rows[0].keys():
        raise ValueError(f"{file} has the columns {list(rows[0])}; expected at least low and reference")
    pairs = {row["low"]: row["reference"] for row in rows}
    missing = [path for path in {*pairs, *pairs.values()} if not (root / path).is_file()]
    if missing:
        raise ValueError(f"{file} names {len(missing)} files that do not exist, among them {sorted(missing)[0]}")
    return pairs


def fingerprint(root: Path, entries: Iterable[Entry]) -> str:
    """Hash names and sizes of the images: equal for equal data, cheap for 24-megapixel files."""
    digest = hashlib.sha256()
    for entry in entries:
        digest.update(f"{entry.path}\0{(root / entry.path).stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _images(files: Iterable[Path]) -> list[Path]:
    return [
        file for file in files if file.suffix.lower() in EXTENSIONS and not file.name.startswith(".") and file.is_file()
    ]


def _natural(path: str) -> list[tuple[int, int, str]]:
    """A sort key that puts 2.JPG before 10.JPG."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", path)]


def _require_folder(root: Path) -> None:
    if not root.is_dir():
        raise FileNotFoundError(
            f"the folder {root} does not exist; expected one that holds images (data.root=DIR, or "
            "callbacks.samples.images=DIR for your own sample pictures). A path with a comma, blank, bracket or equals "
            "sign needs two pairs of quotes: 'data.root=\"/a b,c\"'"
        )
