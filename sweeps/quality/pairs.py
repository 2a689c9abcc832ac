"""Write what the study measures: pairs of a frame and its scene's reference, of scenes that no training sees.

python sweeps/quality/pairs.py ROOT FOLDER [EVERY]

ROOT holds Dataset_Part1 and a pairs.csv. FOLDER gets ``dark.csv``, the pairs of pairs.csv, ``bright.csv``, the frames
whose mean is above 0.55 with the same references, and ``well.csv``, the well exposed frames, each its own reference;
all for ``zero_dce.evaluate --pairs``. The scenes are the test side of ``data/split=scene
data.split.test_fraction=0.2``. EVERY=3 takes every third pair.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path

from zero_dce.data.index import find_sice
from zero_dce.data.split import make_split
from zero_dce.exposure.suited import LEAST_WELL, MOST_WELL
from zero_dce.images.decode import decode
from zero_dce.terminal import errors_as_messages

BRIGHT = 0.55
# The mean of a picture does not need all of its pixels.
MEASURED_SIDE = 64


def main(root: Path, folder: Path, every: int = 1) -> None:
    """Write the files."""
    index = find_sice(root)
    references = index.pairs
    split = make_split(index.entries, root, 0.1, "scene", test_fraction=0.2)
    scene_of = {entry.path: entry.scene for entry in index.entries}
    reference_of = {scene_of[low]: reference for low, reference in references.items()}
    dark: dict[str, str] = {}
    bright: dict[str, str] = {}
    well: dict[str, str] = {}
    for path in split.test:
        reference = reference_of.get(scene_of[path])
        if path in references:
            dark[path] = references[path]
            continue
        mean = mean_of(root / path)
        if LEAST_WELL <= mean <= MOST_WELL:
            well[path] = path
        if reference and reference != path and mean > BRIGHT:
            bright[path] = reference
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in (("dark", dark), ("bright", bright), ("well", well)):
        write(folder / f"{name}.csv", dict(list(pairs.items())[::every]))


def mean_of(file: Path) -> float:
    """Return the mean of a picture, in [0, 1]."""
    return float(decode(file, lambda *_: (MEASURED_SIDE, MEASURED_SIDE)).pixels.mean()) / 255


def write(file: Path, pairs: Mapping[str, str]) -> None:
    """Write pairs as a CSV file."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["low", "reference"])
        writer.writerows(pairs.items())
    print(f"{file}: {len(pairs)} pairs")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    with errors_as_messages():
        main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
