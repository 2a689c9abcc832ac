"""Which images a data set holds: their paths and scenes, found by name alone."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from zero_dce.data.pairs import read_pairs

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
    """The files of a data set; all paths are relative to its root.

    Attributes:
        entries: the images, in natural order.
        labels: from a scene to its published reference.
        pairs: from an image to its reference, as ``pairs.csv`` has them.
        unreadable: folders that cannot be listed, with the reason.
        passed_over: what else was found and is not used, counted by kind.
    """

    entries: list[Entry]
    labels: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)

    def files(self) -> list[str]:
        """Return every file once: the images first, then references that are no images of the set."""
        return [*dict.fromkeys([*(entry.path for entry in self.entries), *self.labels.values(), *self.pairs.values()])]

    def what_else(self) -> str:
        """Say what was passed over, and how often; empty where nothing was."""
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.passed_over.items()))


def find_sice(root: Path) -> Index:
    """List SICE Part1 as it comes: ``Dataset_Part1/<scene>/<n>.JPG``, and ``Label/<scene>.JPG`` as references.

    The root may be the folder above ``Dataset_Part1`` (also inside the zip's doubled folder) or that folder itself.

    Raises:
        FileNotFoundError: if the root does not exist or holds no scenes; the message shows the layout.
        ValueError: if its ``pairs.csv`` is wrong.
    """
    _require_folder(root)
    base = root
    while (base / SICE_FOLDER).is_dir():
        base = base / SICE_FOLDER
    files, unreadable, passed_over = _walk(root, base)
    entries, labels = [], dict[str, str]()
    for path in files:
        file = root / path
        folders = file.relative_to(base).parts[:-1]
        if len(folders) != 1:
            passed_over[f"images that are not in a scene's folder ({file.suffix})"] += 1
        elif folders[0].lower() != LABEL_FOLDER:
            entries.append(Entry(path, folders[0]))
        elif labels.setdefault(file.stem, path) != path:
            passed_over["further labels of a scene"] += 1
    if not entries:
        raise FileNotFoundError(
            f"no SICE images in {root}: expected {SICE_FOLDER}/<scene>/<n>.JPG below it. "
            "For a folder of any other images use data=folder"
        )
    return Index(entries, labels, read_pairs(root), unreadable, passed_over)


def find_folder(root: Path) -> Index:
    """List every image below a folder, in natural order.

    Each image counts as a scene of its own, but an image and its reference in ``pairs.csv`` as one.

    Raises:
        FileNotFoundError: if the folder does not exist or holds no images.
        ValueError: if its ``pairs.csv`` is wrong.
    """
    _require_folder(root)
    files, unreadable, passed_over = _walk(root, root)
    if not files:
        raise FileNotFoundError(f"no images in {root}: expected files ending in {', '.join(sorted(EXTENSIONS))}")
    pairs = read_pairs(root)
    entries = [Entry(path, scene=pairs.get(path, path)) for path in files]
    return Index(entries, {}, pairs, unreadable, passed_over)


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


def _walk(root: Path, base: Path) -> tuple[list[str], dict[str, str], Counter[str]]:
    """Look through a folder and folders linked from it.

    Links to a folder that was visited already are not followed: they may lead in a circle.

    Returns:
        What is named like an image, relative to the root and in natural order; the folders that cannot be listed; and
        what else there is.
    """
    found: list[str] = []
    unreadable: dict[str, str] = {}
    passed_over = Counter[str]()
    visited = {os.path.realpath(base)}

    def note(error: OSError) -> None:
        unreadable[Path(error.filename).relative_to(root).as_posix()] = f"folder: {error.strerror}"

    for folder, subfolders, names in os.walk(base, onerror=note, followlinks=True):
        if RESULT_MARKS.intersection([*subfolders, *names]):
            passed_over["folders of runs and sweeps"] += 1
            subfolders.clear()
            continue
        subfolders[:] = [name for name in sorted(subfolders) if _enter(Path(folder, name), visited, passed_over)]
        for name in names:
            suffix = Path(name).suffix.lower()
            if name.startswith("."):
                passed_over["hidden files"] += 1
            elif suffix in EXTENSIONS:
                found.append(Path(folder, name).relative_to(root).as_posix())
            else:
                passed_over[f"{suffix or 'other'} files"] += 1
    return sorted(found, key=_natural), unreadable, passed_over


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


def _natural(path: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key that puts 2.JPG before 10.JPG, and tells 1.JPG from 01.JPG."""
    parts = re.split(r"(\d+)", path)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], path


def _require_folder(root: Path) -> None:
    if not root.is_dir():
        raise FileNotFoundError(
            f"the folder {root} does not exist; expected one that holds images (data.root=DIR, or "
            "callbacks.samples.images=DIR for your own sample pictures). A path with a comma, blank, bracket or equals "
            "sign needs two pairs of quotes: 'data.root=\"/a b,c\"'"
        )
