"""Which images a data set holds: their paths and scenes, found by name alone."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

EXTENSIONS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
SICE_FOLDER = "Dataset_Part1"
LABEL_FOLDER = "label"
# What runs and sweeps leave; pictures beside or below them are results and no data.
RESULT_MARKS = {".hydra", "sweep.json"}
RESULT_FOLDER = "wandb"


@dataclass(frozen=True)
class Entry:
    """One image: its path relative to the root, with forward slashes, and the scene it shows."""

    path: str
    scene: str


@dataclass(frozen=True)
class Index:
    """The files of a data set.

    Attributes:
        entries: the images, in natural order.
        labels: from a scene to its published reference, a path relative to the root.
        passed_over: what else was found and is not used, counted by kind.
    """

    entries: list[Entry]
    labels: dict[str, str] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)


def find_sice(root: Path) -> Index:
    """List SICE Part1 as it comes: ``Dataset_Part1/<scene>/<n>.JPG``, and ``Label/<scene>.JPG`` as references.

    The root may be the folder above ``Dataset_Part1`` (also inside the zip's doubled folder) or that folder itself.

    Raises:
        FileNotFoundError: if the root does not exist or holds no scenes; the message shows the layout.
    """
    _require_folder(root)
    base = root
    while (base / SICE_FOLDER).is_dir():
        base = base / SICE_FOLDER
    entries, labels, passed_over = [], {}, Counter[str]()
    for file in _walk(base, passed_over):
        path, folders = file.relative_to(root).as_posix(), file.relative_to(base).parts[:-1]
        if len(folders) != 1:
            passed_over[f"images that are not in a scene's folder ({file.suffix})"] += 1
        elif folders[0].lower() == LABEL_FOLDER:
            labels[file.stem] = path
        else:
            entries.append(Entry(path, folders[0]))
    if not entries:
        raise FileNotFoundError(
            f"no SICE images in {root}: expected {SICE_FOLDER}/<scene>/<n>.JPG below it. "
            "For a folder of any other images use data=folder"
        )
    return Index(sorted(entries, key=lambda entry: _natural(entry.path)), labels, passed_over)


def find_folder(root: Path) -> Index:
    """List every image below a folder, in natural order; each image counts as a scene of its own.

    Raises:
        FileNotFoundError: if the folder does not exist or holds no images.
    """
    _require_folder(root)
    passed_over = Counter[str]()
    paths = [file.relative_to(root).as_posix() for file in _walk(root, passed_over)]
    if not paths:
        raise FileNotFoundError(f"no images in {root}: expected files ending in {', '.join(sorted(EXTENSIONS))}")
    return Index([Entry(path, scene=path) for path in sorted(paths, key=_natural)], passed_over=passed_over)


LAYOUTS = {"sice": find_sice, "folder": find_folder}


def fingerprint(root: Path, entries: Iterable[Entry]) -> str:
    """Hash names and sizes of the images: equal for equal data, cheap for 24-megapixel files."""
    digest = hashlib.sha256()
    for entry in entries:
        try:
            size = (root / entry.path).stat().st_size
        except OSError:
            size = -1  # a link that leads nowhere
        digest.update(os.fsencode(f"{entry.path}\0{size}\n"))
    return digest.hexdigest()[:16]


def printable(path: str) -> str:
    """Spell out what of a path cannot be printed: control characters, and bytes that are no Unicode."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _walk(root: Path, passed_over: Counter[str]) -> list[Path]:
    """List what is named like an image, in linked folders too, and count what else there is.

    Links to a folder that was visited already are not followed: they may lead in a circle.
    """
    found: list[Path] = []
    visited = {os.path.realpath(root)}
    for folder, subfolders, names in os.walk(root, followlinks=True):
        if RESULT_MARKS.intersection([*subfolders, *names]):
            passed_over["folders of runs and sweeps"] += 1
            subfolders.clear()
            continue
        subfolders[:] = [name for name in subfolders if _enter(Path(folder, name), visited, passed_over)]
        for name in names:
            suffix = Path(name).suffix.lower()
            if name.startswith("."):
                passed_over["hidden files"] += 1
            elif suffix in EXTENSIONS:
                found.append(Path(folder, name))
            else:
                passed_over[f"{suffix or 'other'} files"] += 1
    return found


def _enter(folder: Path, visited: set[str], passed_over: Counter[str]) -> bool:
    """Tell whether a subfolder is to be searched."""
    name, real = folder.name, os.path.realpath(folder)
    if name == RESULT_FOLDER:
        passed_over["folders of runs and sweeps"] += 1
    elif name.startswith("."):
        passed_over["hidden folders"] += 1
    elif real in visited:
        passed_over["links to folders that were read already"] += 1
    else:
        visited.add(real)
        return True
    return False


def _natural(path: str) -> list[tuple[int, int, str]]:
    """A sort key that puts 2.JPG before 10.JPG."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", path)]


def _require_folder(root: Path) -> None:
    if not root.is_dir():
        raise FileNotFoundError(
            f"the folder {root} does not exist; expected one that holds images (data.root=DIR, or "
            "callbacks.samples.images=DIR for your own sample pictures). A path with a comma, blank, bracket or equals "
            "sign needs two pairs of quotes: 'data.root=\"/a b,c\"'"
        )
