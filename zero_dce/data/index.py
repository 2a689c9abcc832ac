"""Which images a data set holds, found by their names only, and which of them is the reference of which."""

from __future__ import annotations

import csv
import hashlib
import os
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zero_dce.files import stays_inside
from zero_dce.images.suffixes import missing_readers, picture_suffixes

SICE_FOLDER = "Dataset_Part1"
LABEL_FOLDER = "label"
# Runs and sweeps leave these; pictures beside or below them are results, not data.
RESULT_MARKS = {".hydra", "sweep.json"}
RESULT_FOLDER = "wandb"
PAIRS_FILE = "pairs.csv"
PAIR_COLUMNS = {"low", "reference"}
# Frames whose mean over all channels, in [0, 1], is below this are the ones to be enhanced.
DARK = 0.25
# A frame whose brightness is in this range (least, best, most) can stand for a missing label.
WELL_EXPOSED = (0.35, 0.45, 0.60)


@dataclass(frozen=True)
class Frame:
    """One image: its path relative to the root, with forward slashes, and the scene it shows."""

    path: str
    scene: str


@dataclass(frozen=True)
class Index:
    """The files of a data set; all paths are relative to its root.

    Attributes:
        entries: the images, in natural order.
        labels: from a scene to its published reference.
        pairs: from an image to its reference, as ``pairs.csv`` lists them.
        unreadable: folders that cannot be listed, with the reason.
        passed_over: what else was found and is not used, as counts per kind.
    """

    entries: list[Frame]
    labels: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    passed_over: Counter[str] = field(default_factory=Counter)

    def files(self) -> list[str]:
        """Return every file once: the images first, then references that are not images of the set."""
        images = [entry.path for entry in self.entries]
        return list(dict.fromkeys([*images, *self.labels.values(), *self.pairs.values()]))

    def what_else(self) -> str:
        """Describe what was passed over, with counts; an empty string where nothing was."""
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.passed_over.items()))

    def without_reader(self) -> list[str]:
        """Say for each reader that is not installed which pictures were passed over, and how to install it."""
        lines = []
        for command, suffixes in missing_readers().items():
            found = [suffix for suffix in sorted(suffixes) if f"{suffix} files" in self.passed_over]
            if found:
                counts = ", ".join(f"{self.passed_over[f'{suffix} files']} {suffix}" for suffix in found)
                lines.append(f"passed over {counts}: {command} reads them")
        return lines


def find_sice(root: Path) -> Index:
    """List SICE Part1 as it is published: ``Dataset_Part1/<scene>/<n>.JPG``, and ``Label/<scene>.JPG`` as references.

    The root may be the folder above ``Dataset_Part1`` (also inside the zip's doubled folder) or that folder itself.

    Raises:
        FileNotFoundError: if the root does not exist or holds no scenes; the message shows the layout.
        ValueError: if its ``pairs.csv`` is wrong.
    """
    _require_folder(root)
    base = root
    while (base / SICE_FOLDER).is_dir():
        base = base / SICE_FOLDER
    files, unreadable, passed_over = walk_folder(root, base)
    entries, labels = [], dict[str, str]()
    for path in files:
        file = root / path
        folders = file.relative_to(base).parts[:-1]
        if len(folders) != 1:
            passed_over[f"images that are not in a scene's folder ({file.suffix})"] += 1
        elif folders[0].lower() != LABEL_FOLDER:
            entries.append(Frame(path, folders[0]))
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

    Each image counts as a scene of its own, but an image and its reference in ``pairs.csv`` are one scene, and so are
    files of one name and different suffixes, as of a camera that writes a raw file and a JPEG.

    Raises:
        FileNotFoundError: if the folder does not exist or holds no images.
        ValueError: if its ``pairs.csv`` is wrong.
    """
    _require_folder(root)
    files, unreadable, passed_over = walk_folder(root, root)
    if not files:
        raise FileNotFoundError(
            f"no images in {root}: expected files ending in {', '.join(sorted(picture_suffixes()))}"
        )
    pairs = read_pairs(root)
    # The first file of a name stands for all.
    first: dict[str, str] = {}
    for path in files:
        first.setdefault(posixpath.splitext(path)[0], path)
    scenes = {path: pairs.get(path, path) for path in files}
    entries = [Frame(path, first.get(posixpath.splitext(scene)[0], scene)) for path, scene in scenes.items()]
    return Index(entries, {}, pairs, unreadable, passed_over)


LAYOUTS = {"sice": find_sice, "folder": find_folder}


def fingerprint(root: Path, entries: Iterable[Frame]) -> str:
    """Hash the names and sizes of the images: equal for equal data, and cheap for 24-megapixel files."""
    digest = hashlib.sha256()
    for entry in entries:
        try:
            size = (root / entry.path).stat().st_size
        except OSError:
            size = -1  # The file is a broken link.
        digest.update(os.fsencode(f"{entry.path}\0{size}\n"))
    return digest.hexdigest()[:16]


def printable(path: str) -> str:
    """Escape what cannot be printed in a path: control characters, and bytes that are not Unicode."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def walk_folder(
    root: Path, base: Path, suffixes: Collection[str] | None = None
) -> tuple[list[str], dict[str, str], Counter[str]]:
    """Search a folder and folders linked from it.

    Links to a folder that was visited already are not followed, as they may lead in a circle.

    Args:
        root: the folder that paths are relative to.
        base: the folder to search, ``root`` or below it.
        suffixes: of the files to find, in lower case; ``None`` is all pictures whose readers are installed.

    Returns:
        Files with these suffixes, relative to the root and in natural order; folders that cannot be listed, with the
        reason; and counts of everything else: ``".txt files"``, ``"hidden files"`` ...
    """
    suffixes = picture_suffixes() if suffixes is None else suffixes
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
            elif suffix in suffixes:
                found.append(Path(folder, name).relative_to(root).as_posix())
            else:
                passed_over[f"{suffix or 'other'} files"] += 1
    return sorted(found, key=_natural), unreadable, passed_over


def _enter(folder: Path, visited: set[str], passed_over: Counter[str]) -> bool:
    """Tell whether a subfolder is to be searched; count it if it is not."""
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
    """Return a sort key that puts 2.JPG before 10.JPG, and distinguishes 1.JPG from 01.JPG."""
    key = []
    for part in re.split(r"(\d+)", path):
        key.append((0, int(part), "") if part.isdecimal() else (1, 0, part))
    return key, path


def _require_folder(root: Path) -> None:
    if not root.is_dir():
        raise FileNotFoundError(
            f"the folder {root} does not exist; expected one that holds images (data.root=DIR, or "
            "callbacks.samples.images=DIR for your own sample pictures). A path with a comma, blank, bracket or equals "
            "sign needs two pairs of quotes: 'data.root=\"/a b,c\"'"
        )


def read_pairs(root: Path) -> dict[str, str]:
    """Read ``pairs.csv`` in the root, see :func:`read_pairs_file`; the result is empty without such a file.

    It comes with the data, perhaps from somebody else, so it names nothing outside of the root.
    """
    file = root / PAIRS_FILE
    return read_pairs_file(file, root, only_inside=True) if file.is_file() else {}


def read_pairs_file(file: Path, root: Path, only_inside: bool = False) -> dict[str, str]:
    """Read a file in the format of ``pairs.csv``: which image (``low``) has which other image as ``reference``.

    Args:
        file: the table.
        root: the folder that its paths are relative to.
        only_inside: refuse paths that are absolute or lead out of the root.

    Returns:
        From path to reference path, with forward slashes.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a column or a value is missing, or a file it names does not exist or is refused.
    """
    # Spreadsheets write a byte order mark at the start.
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns, rows = list(reader.fieldnames or ()), list(reader)
    except (csv.Error, UnicodeDecodeError) as error:
        expected = "expected CSV in UTF-8 with the columns low and reference"
        raise ValueError(f"{file} is no table ({error}); {expected}") from error
    if not set(columns) >= PAIR_COLUMNS:
        raise ValueError(f"{file} has the columns {columns}; expected at least low and reference")
    pairs, named = dict[str, str](), set[str]()
    for line, row in enumerate(rows, start=2):
        if not row["low"] or not row["reference"]:
            raise ValueError(f"{file}, line {line}: low or reference is empty; expected two paths relative to {root}")
        low, reference = _normalise(row["low"]), _normalise(row["reference"])
        outside = [path for path in (low, reference) if not stays_inside(path)]
        if only_inside and outside:
            raise ValueError(f"{file}, line {line}: {outside[0]!r} is not below {root}; expected paths relative to it")
        pairs[low] = reference
        named |= {low, reference}
    missing = [path for path in named if not (root / path).is_file()]
    if missing:
        raise ValueError(f"{file} names {len(missing)} files that do not exist, among them {min(missing)}")
    return pairs


def _normalise(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def find_references(index: Index, brightness: Mapping[str, float]) -> dict[str, str]:
    """Find the references of a data set's dark images.

    Its ``pairs.csv`` decides where there is one. Otherwise a scene's label is the reference, and for a scene without a
    label its best exposed frame: the one whose brightness is nearest to 0.45, if it lies in 0.35 to 0.60.

    Args:
        index: the files of the data set.
        brightness: mean over all channels in [0, 1] of every readable file; files that are missing here are left out.

    Returns:
        From path to reference path, both relative to the root.
    """
    if index.pairs:
        return {low: reference for low, reference in index.pairs.items() if {low, reference} <= brightness.keys()}
    frames = defaultdict(list)
    for entry in index.entries:
        if entry.path in brightness:
            frames[entry.scene].append(entry.path)
    references = {}
    for scene, paths in frames.items():
        reference = _reference(index.labels.get(scene), paths, brightness)
        if reference:
            references.update({path: reference for path in paths if brightness[path] < DARK})
    return references


def _reference(label: str | None, frames: Sequence[str], brightness: Mapping[str, float]) -> str | None:
    if label in brightness:
        return label
    least, middle, most = WELL_EXPOSED
    best = min(frames, key=lambda path: (abs(brightness[path] - middle), path))
    return best if least <= brightness[best] <= most else None
