"""Which image is for training, validation and test, and the manifest that records it."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from zero_dce.checks import check_number
from zero_dce.data.index import Entry
from zero_dce.files import atomic

# SICE Part1 as the Zero-DCE papers use it: 3,022 images, 2,422 for training. The report's own list has one fewer.
SICE_COUNTS = (3022, 3021)
SICE_TRAIN_COUNT = 2422
# Of one side: something must be left to train on.
LARGEST_FRACTION = 0.99


@dataclass(frozen=True)
class Split:
    """Three disjoint lists of paths relative to the data set's root."""

    train: list[str]
    val: list[str]
    test: list[str]

    def write(self, file: Path) -> None:
        """Write the manifest as JSON: ``train``, ``val``, ``test``."""
        with atomic(file) as unfinished:
            unfinished.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @staticmethod
    def read(file: Path) -> Split:
        """Read a manifest.

        Raises:
            ValueError: if the file is missing or has another shape.
        """
        try:
            return Split(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f"{file} is no split manifest with train, val and test: {error}") from error


def split_random(entries: Sequence[Entry], seed: int, test_fraction: float | None) -> tuple[list[Entry], list[Entry]]:
    """Split at random by image into training and test, as the report does.

    Frames of one scene can fall on both sides: see :func:`shared_scenes`.

    Args:
        entries: all images.
        seed: the split is a function of it and of the entries alone.
        test_fraction: see :func:`test_count`.

    Raises:
        ValueError: if the number of images is not SICE's, or the fraction is out of range.
    """
    shuffled = list(entries)
    random.Random(seed).shuffle(shuffled)
    count = len(entries) - test_count(entries, test_fraction)
    return shuffled[:count], shuffled[count:]


def split_scene(entries: Sequence[Entry], seed: int, test_fraction: float | None) -> tuple[list[Entry], list[Entry]]:
    """Split by whole scenes into training and test: no scene is on both sides.

    The arguments and errors are those of :func:`split_random`; the sizes come as near as whole scenes allow.
    """
    return take_scenes(entries, test_count(entries, test_fraction), seed)


def test_count(entries: Sequence[Entry], test_fraction: float | None) -> int:
    """Return how many of the images are for test.

    Args:
        entries: all images.
        test_fraction: share of test images, range [0, 0.99]; ``None`` stands for SICE's 2,422 training images and the
            rest for test, and then the number of images must be SICE's.

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
        check_number("data.split.test_fraction", test_fraction, most=LARGEST_FRACTION)
    count = SICE_TRAIN_COUNT if test_fraction is None else round(len(entries) * (1 - test_fraction))
    return len(entries) - count


def take_scenes(entries: Sequence[Entry], count: int, seed: int) -> tuple[list[Entry], list[Entry]]:
    """Take whole scenes, chosen at random, that together hold as nearly ``count`` images as any scenes can.

    Returns:
        The entries left and those taken, in their order; no scene is in both. With ``count`` above 0 at least one scene
        is taken.

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
    # From each number of images that some scenes add up to, to the last of those scenes.
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


def take_validation(train: Sequence[Entry], fraction: float, seed: int) -> tuple[list[Entry], list[Entry]]:
    """Take about ``fraction`` of the training side for validation, by whole scenes.

    Returns:
        Training and validation entries; no scene is in both.

    Raises:
        ValueError: if the fraction is out of range or there is one scene only.
    """
    check_number("data.val_fraction", fraction, most=LARGEST_FRACTION)
    # At least one image where any are asked for.
    return take_scenes(train, math.ceil(fraction * len(train)), seed)


def split_file(entries: Sequence[Entry], manifest: Path) -> Split:
    """Take the split from a manifest.

    Raises:
        ValueError: if the manifest cannot be read, names an image twice, or images that the data set does not have.
    """
    split = Split.read(manifest)
    if len({*split.train, *split.val, *split.test}) < len(split.train) + len(split.val) + len(split.test):
        raise ValueError(f"{manifest} names an image twice; its three lists must not overlap")
    unknown = {*split.train, *split.val, *split.test} - {entry.path for entry in entries}
    if unknown:
        raise ValueError(f"{manifest} names {len(unknown)} images that the data set does not have, as {min(unknown)}")
    return split


SPLITTERS = {"random": split_random, "scene": split_scene}


def make_split(
    entries: Sequence[Entry],
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
        val_fraction: see :func:`take_validation`; with ``file`` the manifest says what is for validation.
        method: ``random`` (see :func:`split_random`), ``scene`` (:func:`split_scene`) or ``file`` (:func:`split_file`).
        seed: of the random choice of images or scenes.
        test_fraction: share of test images, ``None`` for SICE's counts.
        manifest: path of the manifest, absolute or relative to the root.

    Raises:
        ValueError: if an option is wrong or does not fit the images.
    """
    if method == "file" and manifest:
        if val_fraction:
            raise ValueError(
                f"data.val_fraction={val_fraction} has no effect: the manifest {manifest} says what is for validation"
            )
        return split_file(entries, root / manifest)
    if method not in SPLITTERS:
        raise ValueError(
            f"data.split.method is {method!r} with manifest {manifest!r}; expected random, scene, or file and a path"
        )
    check_number("data.split.seed", seed, whole=True)
    side, test = SPLITTERS[method](entries, seed, test_fraction)
    train, val = take_validation(side, val_fraction, seed)
    return Split(*(sorted(entry.path for entry in part) for part in (train, val, test)))


def shared_scenes(split: Split, entries: Sequence[Entry]) -> int:
    """Count the test images whose scene also has a training or validation image: the random split's leak."""
    scene = {entry.path: entry.scene for entry in entries}
    seen = {scene[path] for path in (*split.train, *split.val)}
    return sum(scene[path] in seen for path in split.test)
