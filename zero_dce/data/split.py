"""Which image is for training, validation and test, and the manifest that records it."""

from __future__ import annotations

import math
import random
import unicodedata
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from zero_dce.checks import check_option
from zero_dce.data.index import SICE_FOLDER, Frame
from zero_dce.files import read_object, write_json

# The Zero-DCE papers use the 3,022 images of SICE Part1, 2,422 of them for training. The report lists one fewer.
SICE_COUNTS = (3022, 3021)
SICE_TRAIN_COUNT = 2422
# No other side may be larger, so that something is left to train on.
# A manifest holds these beside its lists: why files are on none of them, and how many images each side had before.
REMARKS = ("left_out", "counts_before")


@dataclass(frozen=True)
class Split:
    """Three disjoint lists of paths relative to the data set's root."""

    train: list[str]
    val: list[str]
    test: list[str]

    def without(self, paths: Container[str]) -> Split:
        """Return the split without some images; the others stay where they are."""
        return Split(*([path for path in side if path not in paths] for side in (self.train, self.val, self.test)))

    def counts(self) -> dict[str, int]:
        """Return the number of images of each side."""
        return {name: len(paths) for name, paths in vars(self).items()}

    def write(self, file: Path, **remarks: Any) -> None:
        """Write the manifest as JSON: ``train``, ``val``, ``test``, and remarks with the names in ``REMARKS``."""
        write_json(file, {**asdict(self), **remarks})

    @staticmethod
    def read(file: Path) -> Split:
        """Read a manifest. Without ``val`` no image is for validation; remarks are ignored.

        Raises:
            ValueError: if the file is missing or has another shape.
        """
        try:
            content = read_object(file, {"train": [str], "test": [str], "val?": [str]})
            if content is None:
                raise FileNotFoundError("it does not exist")
            sides = {name: side for name, side in content.items() if name not in REMARKS}
            return Split(**{"val": [], **sides})
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f"{file} is no split manifest with train, val and test: {error}") from error


def split_random(entries: Sequence[Frame], count: int, seed: int) -> tuple[list[Frame], list[Frame]]:
    """Take ``count`` images for test at random, as the report does; return the entries left and those taken.

    Frames of one scene can fall on both sides: see :func:`shared_scenes`.
    """
    shuffled = list(entries)
    random.Random(seed).shuffle(shuffled)
    left = len(entries) - count
    return shuffled[:left], shuffled[left:]


def count_test_images(entries: Sequence[Frame], test_fraction: float | None) -> int:
    """Return how many of all images are for test.

    ``test_fraction`` is their share, range [0, 0.99]; ``None`` stands for SICE's 2,422 training images and the rest for
    test, and then the number of images must be SICE's.

    Raises:
        ValueError: if the number of images is not SICE's, or the fraction is out of range.
    """
    if test_fraction is None and len(entries) not in SICE_COUNTS:
        raise ValueError(
            f"found {len(entries)} images, but SICE Part1 has {SICE_COUNTS[0]} (2,422 for training, 600 for test). "
            "If this is meant to be another data set, or a part of SICE, say how much of it is for test: "
            "data.split.test_fraction=0.2"
        )
    if test_fraction is not None:
        check_option("data.split.test_fraction", test_fraction)
    count = SICE_TRAIN_COUNT if test_fraction is None else round(len(entries) * (1 - test_fraction))
    return len(entries) - count


def take_scenes(entries: Sequence[Frame], count: int, seed: int) -> tuple[list[Frame], list[Frame]]:
    """Take whole scenes, chosen at random, that together hold as nearly ``count`` images as any scenes can.

    Returns:
        The entries left and those taken, each in their order; no scene is in both. If ``count`` is above 0, at least
        one scene is taken.

    Raises:
        ValueError: if there are too few scenes to leave one.
    """
    sizes = Counter(entry.scene for entry in entries)
    if not count:
        return list(entries), []
    if len(sizes) < 2:
        raise ValueError(
            f"{len(sizes)} scene cannot be divided: {count} of its {len(entries)} images are wanted for another side. "
            "Use data.val_fraction=0, and data/split=random or data.split.test_fraction=0"
        )
    scenes = sorted(sizes)
    random.Random(seed).shuffle(scenes)
    # This maps each number of images that some scenes add up to, to the last of those scenes.
    last: dict[int, str] = {}
    for scene in scenes:
        if count in last:
            break
        for total in [0, *last]:
            last.setdefault(total + sizes[scene], scene)
    total = min((total for total in last if total < len(entries)), key=lambda total: (abs(total - count), total))
    chosen = set[str]()
    while total:
        chosen.add(last[total])
        total -= sizes[last[total]]
    return [e for e in entries if e.scene not in chosen], [e for e in entries if e.scene in chosen]


def take_validation(train: Sequence[Frame], fraction: float, seed: int) -> tuple[list[Frame], list[Frame]]:
    """Take about ``fraction`` of the training side for validation, by whole scenes; return both sides' entries.

    Raises:
        ValueError: if the fraction is out of range or there is only one scene.
    """
    check_option("data.val_fraction", fraction)
    # Rounding up gives at least one image where any are asked for.
    return take_scenes(train, math.ceil(fraction * len(train)), seed)


def split_file(entries: Sequence[Frame], manifest: Path) -> Split:
    r"""Take the split from a manifest.

    Its paths may be those of another machine: ``D:\data\Dataset_Part1\353\8.JPG`` is the image 8.JPG of the scene 353
    wherever SICE lies. Paths that name no image of the data set stay unchanged: :func:`outside` lists them.

    Raises:
        ValueError: if the manifest cannot be read or names an image twice.
    """
    split = Split.read(manifest)
    exact = {entry.path for entry in entries}
    known = _by_ending(entries)
    most_parts = max(map(len, known), default=1)
    sides = [
        [path if path in exact else _find(path, known, most_parts) for path in side]
        for side in (split.train, split.val, split.test)
    ]
    named = Counter(path for side in sides for path in side)
    twice = [path for path, count in named.items() if count > 1]
    if twice:
        raise ValueError(f"{manifest} names an image twice, as {min(twice)}; its lists must not overlap")
    return Split(*sides)


def outside(split: Split, entries: Sequence[Frame]) -> list[str]:
    """Return the paths of a manifest that are not images of the data set."""
    known = {entry.path for entry in entries}
    return [path for side in vars(split).values() for path in side if path not in known]


def _by_ending(entries: Sequence[Frame]) -> dict[tuple[str, ...], str]:
    """Map the parts of a path that identify an image to the image; leave out parts that could mean two images."""
    keys = [(_parts(entry.path), entry.path) for entry in entries]
    count = Counter(key for key, _ in keys)
    # A bare name identifies an image only where all images lie in one folder.
    least = 1 if all(len(key) == 1 for key, _ in keys) else 2
    return {key: path for key, path in keys if count[key] == 1 and len(key) >= least}


def _find(path: str, known: Mapping[tuple[str, ...], str], most_parts: int) -> str:
    """Return the image that a manifest's path ends with, or the path itself where there is none."""
    parts = _parts(path)[-most_parts:]
    return next((known[parts[start:]] for start in range(len(parts)) if parts[start:] in known), path)


def _parts(path: str) -> tuple[str, ...]:
    """Split a path of any system into its parts, those after SICE's folder where it has one."""
    # Unicode can write letters with accents in two ways, and systems differ in which they use.
    parts = unicodedata.normalize("NFC", path.replace("\\", "/")).split("/")
    last = max((number for number, part in enumerate(parts) if part == SICE_FOLDER), default=-1)
    return tuple(parts[last + 1 :])


SPLITTERS = {"random": split_random, "scene": take_scenes}


def make_split(
    entries: Sequence[Frame],
    root: Path,
    val_fraction: float,
    method: Literal["random", "scene", "file"] = "random",
    seed: int = 0,
    test_fraction: float | None = None,
    manifest: str | None = None,
) -> Split:
    """Split a data set.

    Args:
        entries: all its images.
        root: its folder.
        val_fraction: see :func:`take_validation`; a manifest with a validation side leaves nothing to choose.
        method: ``random`` (see :func:`split_random`), ``scene`` (:func:`take_scenes`) or ``file`` (:func:`split_file`).
        seed: seed of the random choice of images or scenes.
        test_fraction: see :func:`count_test_images`.
        manifest: path of the manifest, absolute or relative to the root or to the working folder.

    Raises:
        ValueError: if an option is wrong or does not fit the images.
    """
    check_option("data.split.seed", seed)
    if method == "file":
        if not manifest:
            raise ValueError("data.split.manifest is not set: give a JSON file with train, test and perhaps val")
        return _from_manifest(entries, root, manifest, val_fraction, seed)
    if method not in SPLITTERS:
        raise ValueError(f"data.split.method is {method!r}; expected random, scene or file")
    side, test = SPLITTERS[method](entries, count_test_images(entries, test_fraction), seed)
    train, val = take_validation(side, val_fraction, seed)
    return Split(*(sorted(entry.path for entry in part) for part in (train, val, test)))


def _from_manifest(entries: Sequence[Frame], root: Path, manifest: str, val_fraction: float, seed: int) -> Split:
    beside_the_images = root / manifest
    split = split_file(entries, beside_the_images if beside_the_images.is_file() else Path(manifest))
    if split.val:
        if val_fraction:
            raise ValueError(
                f"data.val_fraction={val_fraction} has no effect: the manifest {manifest} says what is for validation"
            )
        return split
    scenes = {entry.path: entry.scene for entry in entries}
    side = [Frame(path, scenes.get(path, path)) for path in split.train]
    train, val = take_validation(side, val_fraction, seed)
    return replace(split, train=[entry.path for entry in train], val=[entry.path for entry in val])


def shared_scenes(split: Split, entries: Sequence[Frame]) -> int:
    """Count the test images whose scene also has a training or validation image: the random split's leak.

    All images of the split must be among the entries.
    """
    scene = {entry.path: entry.scene for entry in entries}
    seen = {scene[path] for path in (*split.train, *split.val)}
    return sum(scene[path] in seen for path in split.test)
