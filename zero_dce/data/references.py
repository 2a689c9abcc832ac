"""Which image has which other one as its well-exposed reference. References serve measures only, never training."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from zero_dce.data.index import Index

PAIRS_FILE = "pairs.csv"
# Mean of all channels, [0, 1]. Of frames darker than this enhancement is asked for.
DARK = 0.25
# A frame in this range can stand for a missing label; the one nearest to the middle is taken.
WELL_EXPOSED = (0.35, 0.45, 0.60)


def find_references(root: Path, index: Index, brightness: Mapping[str, float]) -> dict[str, str]:
    """Find the references of a data set's dark images.

    ``pairs.csv`` below the root decides where there is one. Else a scene's label is the reference, and for a scene
    without label its best exposed frame: the one whose brightness is nearest to 0.45, if it lies in 0.35 to 0.60.

    Args:
        root: folder of the data set.
        index: its files.
        brightness: of every readable file, mean of all channels in [0, 1]; files that are missing here are left out.

    Returns:
        From path to reference path, both relative to the root.

    Raises:
        ValueError: if ``pairs.csv`` is wrong.
    """
    if (root / PAIRS_FILE).is_file():
        pairs = read_pairs(root)
        return {low: reference for low, reference in pairs.items() if {low, reference} <= brightness.keys()}
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


def _reference(label: str | None, frames: list[str], brightness: Mapping[str, float]) -> str | None:
    if label in brightness:
        return label
    least, middle, most = WELL_EXPOSED
    best = min(frames, key=lambda path: (abs(brightness[path] - middle), path))
    return best if least <= brightness[best] <= most else None
